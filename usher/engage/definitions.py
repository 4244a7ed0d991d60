"""The engine in definition files: the account, its data fields and lists; and what its rooms define."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from usher.engage import users
from usher.engage.access import default_account
from usher.engage.accounts import LIMITS
from usher.engage.campaigns import definitions as campaigns
from usher.engage.contacts import fields
from usher.engage.errors import EngageError
from usher.engage.forms import definitions as forms
from usher.engage.lists.edit import create_list
from usher.engage.models import Account, Campaign, ContactList, DataField, Program
from usher.engage.models.campaigns import CampaignStatus
from usher.engage.models.contacts import Visibility
from usher.engage.models.lists import ListKind
from usher.engage.preferences import definitions as preferences
from usher.engage.programs import definitions as programs
from usher.engage.segments import definitions as segments
from usher.lib import addresses
from usher.lib.changes import Change, DefinitionError, written

#: private or public, in any case of letters.
Shown = Annotated[Visibility, BeforeValidator(lambda word: str(word).capitalize())]


class AccountBody(BaseModel):
    """Whose contacts these are, and from whom mail comes when a campaign does not say."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=128)
    from_name: str = Field("", max_length=128)
    from_address: str = "mail@example.com"
    mail_domain: str = Field("localhost", min_length=1, max_length=255, pattern=r"^[A-Za-z0-9.-]+$")
    time_zone: str = "UTC"
    #: Whoever is new has to confirm by mail, whatever a caller or form says.
    double_opt_in: bool = False
    tracked_sites: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")]] = []
    #: Numbers that differ from the usual ones (usher.engage.accounts.LIMITS).
    limits: dict[str, Annotated[int, Field(ge=0)]] = {}

    @field_validator("limits")
    @classmethod
    def _are_known(cls, limits: dict[str, int]) -> dict[str, int]:
        if strange := sorted(set(limits) - set(LIMITS)):
            raise ValueError(f"there is no limit {strange[0]}; there are {', '.join(LIMITS)}")
        return limits

    @field_validator("from_address")
    @classmethod
    def _is_an_address(cls, address: str) -> str:
        if wrong := addresses.problem(address):
            raise ValueError(wrong)
        return address

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("write a name such as Europe/London") from None
        return zone


class FieldBody(BaseModel):
    """A typed value of contacts: `ORDERS: numeric`, or `{type: text, default: music lover}`."""

    model_config = ConfigDict(extra="forbid")

    type: str
    default: str | int | float | bool | None = None
    visibility: Shown = Visibility.PRIVATE

    @model_validator(mode="before")
    @classmethod
    def _of_word(cls, body: Any) -> Any:
        return {"type": body} if isinstance(body, str) else body


class ListBody(BaseModel):
    """A list, and the program and campaign that a single add to it starts."""

    model_config = ConfigDict(extra="forbid")

    visibility: Shown = Visibility.PRIVATE
    join_program: str | None = None
    join_campaign: str | None = None
    #: Whoever joins by a form has to confirm by mail.
    double_opt_in: bool = False


OTHERS: tuple[ModuleType, ...] = (users, campaigns, programs, segments, preferences, forms)
#: In the order of applying: forms name preferences, and, as segments do, lists, which name programs and
#: campaigns, and those name data fields.
SECTIONS: Mapping[str, type[BaseModel]] = {
    "account": AccountBody,
    **users.SECTIONS,
    "data_fields": FieldBody,
    **campaigns.SECTIONS,
    **programs.SECTIONS,
    "contact_lists": ListBody,
    **segments.SECTIONS,
    **preferences.SECTIONS,
    **forms.SECTIONS,
}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make one definition true; DefinitionError says what to mend."""
    account = default_account(now)
    if isinstance(body, AccountBody):
        return _apply_account(account, body)
    if isinstance(body, FieldBody):
        return _apply_field(account, name, body)
    if isinstance(body, ListBody):
        return _apply_list(account, name, body, now)
    room = next(one for one in OTHERS if section in one.SECTIONS)
    change: Change = room.apply(section, name, body, base_dir=base_dir, by=by, now=now)
    return change


def beginning(section: str, body: BaseModel) -> BaseModel | None:
    """The body without what may need the thing itself: a list without its join actions; else None."""
    if isinstance(body, ListBody) and (body.join_program or body.join_campaign):
        return body.model_copy(update={"join_program": None, "join_campaign": None})
    return None


def export(section: str) -> dict[str, dict[str, object]]:
    """What is defined, as `apply` reads it."""
    account = Account.objects.order_by("pk").first()
    if account is None:
        return {}
    if section == "account":
        values = {field: getattr(account, field) for field in AccountBody.model_fields}
        return {"": {field: value for field, value in values.items() if value not in ([], {}, False)}}
    if section == "data_fields":
        rows = DataField.objects.filter(account=account).order_by("pk")
        return {row.name: _exported_field(row) for row in rows if not _is_as_made(row)}
    if section == "contact_lists":
        lists = ContactList.objects.filter(account=account, kind=ListKind.LIST).order_by("name")
        return {
            one.name: _exported_list(one) for one in lists.select_related("join_program", "join_campaign")
        }
    room = next(one for one in OTHERS if section in one.SECTIONS)
    bodies: dict[str, dict[str, object]] = room.export(section)
    return bodies


def _apply_account(account: Account, body: AccountBody) -> Change:
    changed = _set(account, body.model_dump())
    try:
        with transaction.atomic():
            account.save()
    except IntegrityError:
        raise DefinitionError("account", body.name, "name", "another account has this name") from None
    return written("account", account.name, False, changed)


def _apply_field(account: Account, name: str, body: FieldBody) -> Change:
    """A data field's type never changes: values of it are there already."""
    kind = "data field"
    found = DataField.objects.filter(account=account, name=name.strip().upper()).first()
    try:
        if found is None:
            made = fields.create_field(account, name, body.type, body.visibility, body.default)
            return written(kind, made.name, True, ())
        if fields.checked_type(body.type) != found.type:
            raise DefinitionError(kind, name, "type", f"it is {found.type} already and stays so")
        default = fields.checked_default(found, body.default)
    except EngageError as problem:
        raise DefinitionError(kind, name, "", problem.message) from None
    changed = _set(found, {"visibility": body.visibility, "default_value": default})
    found.save()
    return written(kind, found.name, False, [field.removesuffix("_value") for field in changed])


def _apply_list(account: Account, name: str, body: ListBody, now: datetime) -> Change:
    starts = {
        "join_program": _program(account, name, body.join_program),
        "join_campaign": _campaign(account, name, body.join_campaign),
    }
    found = ContactList.objects.filter(account=account, name__iexact=name.strip()).first()
    if found is not None and found.kind != ListKind.LIST:
        raise DefinitionError("contact list", name, "", f"a {found.kind} has this name")
    try:
        one = found or create_list(account, name, now, body.visibility)
    except EngageError as problem:
        raise DefinitionError("contact list", name, "", problem.message) from None
    changed = _set(one, {"visibility": body.visibility, "double_opt_in": body.double_opt_in, **starts})
    one.save()
    return written("contact list", one.name, found is None, changed)


def _program(account: Account, name: str, wanted: str | None) -> Program | None:
    found = Program.objects.filter(account=account, name__iexact=wanted).first() if wanted else None
    if wanted and found is None:
        raise DefinitionError("contact list", name, "join_program", f"there is no program “{wanted}”")
    return found


def _campaign(account: Account, name: str, wanted: str | None) -> Campaign | None:
    triggered = Campaign.objects.filter(account=account, status=CampaignStatus.TRIGGERED)
    found = triggered.filter(name__iexact=wanted).first() if wanted else None
    if wanted and found is None:
        message = f"there is no triggered campaign “{wanted}”"
        raise DefinitionError("contact list", name, "join_campaign", message)
    return found


def _set(row: Account | DataField | ContactList, values: Mapping[str, Any]) -> list[str]:
    """Give the row these values; the names of those that it did not have."""
    changed = [field for field, value in values.items() if getattr(row, field) != value]
    for field in changed:
        setattr(row, field, values[field])
    return changed


def _is_as_made(row: DataField) -> bool:
    """A built-in field that nobody has changed needs no definition."""
    return row.name in fields.BUILT_IN and row.default_value is None and row.visibility == Visibility.PRIVATE


def _exported_field(row: DataField) -> dict[str, object]:
    body: dict[str, object] = {"type": row.type}
    if row.default_value is not None:
        body["default"] = row.default_value
    return body if row.visibility == Visibility.PRIVATE else body | {"visibility": row.visibility}


def _exported_list(row: ContactList) -> dict[str, object]:
    body: dict[str, object] = {"visibility": row.visibility}
    if row.double_opt_in:
        body["double_opt_in"] = True
    if row.join_program:
        body["join_program"] = row.join_program.name
    if row.join_campaign:
        body["join_campaign"] = row.join_campaign.name
    return body
