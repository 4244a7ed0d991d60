"""Segments in definition files: `Lapsed: not exists(opens where at within 90 days)`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from usher.engage.campaigns.definitions import account_for
from usher.engage.errors import EngageError
from usher.engage.models import Account, ContactList
from usher.engage.models.lists import ListKind
from usher.engage.segments.edit import change_segment, create_segment
from usher.engage.segments.refresh import request_refresh
from usher.lib.changes import Change, DefinitionError, written

KIND = "contact segment"


class SegmentBody(BaseModel):
    """A rule about contacts, alone or with a folder."""

    model_config = ConfigDict(extra="forbid")

    rule: str = Field(min_length=1)
    folder: str = Field("", max_length=255)

    @model_validator(mode="before")
    @classmethod
    def _of_rule(cls, body: Any) -> Any:
        return {"rule": body} if isinstance(body, str) else body


SECTIONS: dict[str, type[BaseModel]] = {"contact_segments": SegmentBody}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the segment as `body` says, and have it refreshed when its rule is new."""
    account = account_for(KIND, name)
    assert isinstance(body, SegmentBody), section
    found = ContactList.objects.filter(account=account, name__iexact=name.strip()).first()
    if found is not None and found.kind != ListKind.SEGMENT:
        raise DefinitionError(KIND, name, "", "a contact list has this name")
    try:
        if found is None:
            made = create_segment(account, name, body.rule, now, body.folder)
            request_refresh(made)
            return written(KIND, made.name, True, ())
        return _changed(found, name.strip(), body)
    except EngageError as problem:
        field = "rule" if problem.token == "ERROR_PARAMETER_INVALID" else ""
        raise DefinitionError(KIND, name, field, problem.message) from None


def _changed(found: ContactList, name: str, body: SegmentBody) -> Change:
    wanted = {"name": name, "rule": body.rule.strip(), "folder": body.folder}
    changed = [field for field, value in wanted.items() if getattr(found, field) != value]
    if changed:
        change_segment(found, name, body.rule, body.folder)
    if "rule" in changed:
        request_refresh(found)
    return written(KIND, found.name, False, changed)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every segment of the oldest account as its body."""
    account = Account.objects.order_by("pk").first()
    rows = ContactList.objects.filter(account=account, kind=ListKind.SEGMENT).order_by("name")
    return {row.name: {"rule": row.rule} | ({"folder": row.folder} if row.folder else {}) for row in rows}
