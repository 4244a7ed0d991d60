"""Lists of contacts as the pages show them: their sizes, their members, and what needs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.utils import OperationalError

from usher.engage.lists import edit, external, members
from usher.engage.lists import uses as needs
from usher.engage.models import Account, Contact, ContactList, Membership
from usher.engage.models.lists import ListKind
from usher.web.patience import NUMBERS, SEARCH, patiently


@dataclass(frozen=True)
class Listed:
    """A list with how many contacts it shows; None while that is not counted."""

    row: ContactList
    size: int | None

    @property
    def synced_at(self) -> datetime | None:
        return synced_at(self.row)


def synced_at(row: ContactList) -> datetime | None:
    """When another system changed an external list last."""
    return max(filter(None, (row.changed_at, row.last_added_at, row.last_removed_at)), default=None)


def lists(account: Account, text: str, kinds: Iterable[ListKind]) -> QuerySet[ContactList]:
    """The account's lists of these kinds whose name holds `text`."""
    found = ContactList.objects.filter(account=account, kind__in=list(kinds))
    return found.filter(name__icontains=text) if text else found


def sized(rows: list[ContactList], *, wait: bool = False) -> list[Listed]:
    """The lists with their sizes; those of very large ones only when one is ready to `wait`."""
    try:
        with patiently(SEARCH * 10 if wait else NUMBERS):
            counts = members.counts(rows)
    except OperationalError:
        return [Listed(row, None) for row in rows]
    return [Listed(row, counts.get(row.pk, 0)) for row in rows]


def folders(account: Account) -> list[str]:
    """The folders there are, for somebody to choose from."""
    found = ContactList.objects.filter(account=account).exclude(folder="")
    return list(found.order_by("folder").values_list("folder", flat=True).distinct())


def on_list(row: ContactList, text: str) -> QuerySet[Membership]:
    """The shown members whose address begins with `text`."""
    found = members.rows(row)
    return found.filter(contact__email_key__startswith=text.lower()) if text else found


def save(row: ContactList, wanted: dict[str, Any], now: datetime) -> ContactList:
    """Make or change a list. EngageError says why not."""
    name, shown = wanted["name"], wanted["visibility"]
    found = row if row.pk else edit.create_list(row.account, name, now, shown)
    for field in ("description", "folder", "double_opt_in", "join_campaign", "join_program"):
        setattr(found, field, wanted[field])
    if row.kind == ListKind.EXTERNAL:
        return external.change(found, name, wanted["description"], now)
    return edit.change_list(found, name, shown)


def uses(row: ContactList) -> list[str]:
    """What would miss the list, in words."""
    return needs.uses(row)


def remove(row: ContactList) -> None:
    """Delete a list; its contacts stay. EngageError while something needs it."""
    needs.delete(row)


def exported(row: ContactList, names: list[str]) -> Iterator[list[Any]]:
    """Every shown member with the values of these data fields."""
    found = members.rows(row).order_by("contact_id").iterator(chunk_size=5_000)
    for member in found:
        yield cells(member.contact, names, member.joined_at)


def cells(person: Contact, names: list[str], joined_at: datetime) -> list[Any]:
    known = [person.email, person.mobile_number, person.status, joined_at.isoformat()]
    return [*known, *(person.data.get(name) for name in names)]
