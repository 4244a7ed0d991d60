"""Sign-up forms in definition files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from usher.engage.campaigns.definitions import account_for
from usher.engage.errors import EngageError
from usher.engage.forms import edit
from usher.engage.models import Account, ContactList, Form, Preference
from usher.lib.changes import Change, DefinitionError, written

KIND = "form"


class AskedBody(BaseModel):
    """A data field that is asked for: `FIRSTNAME`, or with its label and whether it must be filled in."""

    model_config = ConfigDict(extra="forbid")

    field: str
    label: str = Field("", max_length=255)
    required: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_name(cls, body: Any) -> Any:
        return {"field": body} if isinstance(body, str) else body


class FormBody(BaseModel):
    """A page on which people put themselves on a list."""

    model_config = ConfigDict(extra="forbid")

    list: str
    title: str = Field(min_length=1, max_length=255)
    #: What people agree to.
    consent: str = Field(min_length=1)
    #: The last part of the form's address; made of its name when it is not said.
    slug: str = Field("", max_length=80)
    intro: str = ""
    fields: tuple[AskedBody, ...] = ()
    #: Preferences that are offered, by their private names.
    preferences: tuple[str, ...] = ()
    thanks: str = ""
    return_url: str = ""
    enabled: bool = True


SECTIONS: dict[str, type[BaseModel]] = {"forms": FormBody}
#: Columns of a form that a definition sets.
_COLUMNS = (
    "list_id",
    "slug",
    "title",
    "intro",
    "consent_text",
    "fields",
    "preferences",
    "thanks",
    "return_url",
    "enabled",
)


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the form as `body` says."""
    account = account_for(KIND, name)
    assert isinstance(body, FormBody), section
    found = Form.objects.filter(account=account, name__iexact=name.strip()).first()
    before = _values(found)
    try:
        made = edit.save(account, _draft(account, name, body), now, found)
    except EngageError as problem:
        raise DefinitionError(KIND, name, "", problem.message) from None
    after = _values(made)
    changed = [] if found is None else [column for column in _COLUMNS if after[column] != before[column]]
    return written(KIND, made.name, found is None, [one.removesuffix("_id") for one in changed])


def _values(form: Form | None) -> dict[str, Any]:
    return {} if form is None else {column: getattr(form, column) for column in _COLUMNS}


def _draft(account: Account, name: str, body: FormBody) -> edit.Draft:
    return edit.Draft(
        name=name,
        list=_list(account, name, body.list),
        title=body.title,
        consent_text=body.consent,
        slug=body.slug,
        intro=body.intro,
        fields=[edit.Asked(one.field, one.label, one.required) for one in body.fields],
        preferences=_preferences(account, name, body.preferences),
        thanks=body.thanks,
        return_url=body.return_url,
        enabled=body.enabled,
    )


def _list(account: Account, name: str, wanted: str) -> ContactList:
    found = ContactList.objects.filter(account=account, name__iexact=wanted.strip()).first()
    if found is None:
        raise DefinitionError(KIND, name, "list", f"there is no list “{wanted}”")
    return found


def _preferences(account: Account, name: str, wanted: tuple[str, ...]) -> list[int]:
    rows = Preference.objects.filter(account=account, is_preference=True, private_name__in=wanted)
    ids = {row.private_name: row.pk for row in rows.order_by("-pk")}
    if strange := [one for one in wanted if one not in ids]:
        raise DefinitionError(KIND, name, "preferences", f"there is no preference “{strange[0]}”")
    return [ids[one] for one in wanted]


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every form of the oldest account as its body."""
    account = Account.objects.order_by("pk").first()
    rows = Form.objects.filter(account=account).select_related("list").order_by("name")
    return {row.name: _exported(row) for row in rows}


def _exported(row: Form) -> dict[str, Any]:
    topics = Preference.objects.in_bulk(row.preferences)
    body: dict[str, Any] = {
        "list": row.list.name,
        "title": row.title,
        "consent": row.consent_text,
        "slug": row.slug,
        "intro": row.intro,
        "fields": [
            {"field": one["name"], "label": one["label"], "required": one["required"]} for one in row.fields
        ],
        "preferences": [topics[one].private_name for one in row.preferences if one in topics],
        "thanks": row.thanks,
        "return_url": row.return_url,
    }
    body = {key: value for key, value in body.items() if value not in ("", [])}
    return body if row.enabled else body | {"enabled": False}
