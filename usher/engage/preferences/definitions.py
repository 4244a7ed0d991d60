"""Preferences in definition files: `Opera: {category: Music, public: true}`, `Music: {kind: category}`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from usher.engage.campaigns.definitions import account_for
from usher.engage.errors import EngageError
from usher.engage.models import Account, Preference
from usher.engage.preferences import tree
from usher.lib.changes import Change, DefinitionError, written

KIND = "preference"


class PreferenceBody(BaseModel):
    """A topic that people may choose, or a category of topics; its name is the private one."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["topic", "category"] = "topic"
    #: What people read; the name itself when it is not said.
    public_name: str = Field("", max_length=tree.LONGEST_NAME)
    #: Shown to people.
    public: bool = False
    #: The category that it belongs to.
    category: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "category" and self.category:
            raise ValueError("a category is in no other; leave `category` out")
        return self


SECTIONS: dict[str, type[BaseModel]] = {"preferences": PreferenceBody}
_COLUMNS = {"public_name": "public_name", "is_public": "public", "category_id": "category"}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the preference as `body` says. New ones come last among their siblings; others keep their place.

    Where several have the name, the oldest is meant.
    """
    account = account_for(KIND, name)
    assert isinstance(body, PreferenceBody), section
    draft = tree.Draft(
        private_name=name,
        public_name=body.public_name,
        is_preference=body.kind == "topic",
        is_public=body.public,
        category=_category(account, name, body.category),
    )
    found = named(account, name)
    before = _values(found)
    try:
        made = tree.create(account, draft, now) if found is None else _changed(found, draft, before, now)
    except EngageError as problem:
        raise DefinitionError(KIND, name, "", problem.message) from None
    if found is None:
        return written(KIND, made.private_name, True, ())
    after = _values(made)
    changed = [said for column, said in _COLUMNS.items() if after[column] != before[column]]
    return written(KIND, made.private_name, False, changed)


def named(account: Account, name: str, *, is_preference: bool | None = None) -> Preference | None:
    """The oldest of this private name, in any case of letters."""
    rows = Preference.objects.filter(account=account, private_name__iexact=name.strip())
    if is_preference is not None:
        rows = rows.filter(is_preference=is_preference)
    return rows.select_related("account").order_by("pk").first()


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every preference of the oldest account as its body, categories first."""
    account = Account.objects.order_by("pk").first()
    rows = Preference.objects.filter(account=account).select_related("category")
    found: dict[str, dict[str, Any]] = {}
    for row in rows.order_by("is_preference", "category__place", "place", "pk"):
        found.setdefault(row.private_name, _exported(row))
    return found


def _changed(found: Preference, draft: tree.Draft, before: dict[str, Any], now: datetime) -> Preference:
    wanted = {
        "public_name": draft.public_name or draft.private_name,
        "is_public": draft.is_public,
        "category_id": draft.category or None,
    }
    if wanted == before and draft.is_preference == found.is_preference:
        return found
    return tree.change(found, draft, now)


def _values(row: Preference | None) -> dict[str, Any]:
    return {} if row is None else {column: getattr(row, column) for column in _COLUMNS}


def _category(account: Account, name: str, wanted: str | None) -> int:
    if not wanted:
        return 0
    found = named(account, wanted, is_preference=False)
    if found is None:
        raise DefinitionError(KIND, name, "category", f"there is no category “{wanted}”")
    return found.pk


def _exported(row: Preference) -> dict[str, Any]:
    body: dict[str, Any] = {} if row.is_preference else {"kind": "category"}
    if row.public_name != row.private_name:
        body["public_name"] = row.public_name
    if row.is_public:
        body["public"] = True
    if row.category:
        body["category"] = row.category.private_name
    return body
