"""Custom identifiers: the names by which other systems call contacts, each of one contact only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from usher.engage.contacts.described import IDENTIFIERS, LONGEST_CUSTOM, IdentifierError, misfit
from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact, ContactIdentifier, CustomIdentifier

#: Kinds that an account may have.
MOST = 20
LONGEST_NAME = 50
_NAME = re.compile(r"[-A-Za-z0-9_]+\Z", re.ASCII)


class UnfitNameError(EngageError):
    """The name cannot be one of an identifier; `problem` says why in the words of the API."""

    def __init__(self, problem: str, message: str) -> None:
        super().__init__("ERROR_PARAMETER_INVALID", message)
        self.problem = problem


def make(account: Account, name: str, now: datetime) -> CustomIdentifier:
    """A further kind. UnfitNameError for a name that does not fit or is there, and beyond the last one."""
    if len(name) > LONGEST_NAME:
        message = f"The custom identifier is too long. It has at most {LONGEST_NAME} characters."
        raise UnfitNameError("nameTooLong", message)
    if not _NAME.match(name):
        raise UnfitNameError("invalidName", "The name of a custom identifier has letters, digits, - and _.")
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        known = names_of(account)
        if name.lower() in (IDENTIFIERS.keys() | known.keys()):
            raise UnfitNameError("nameAlreadyExists", "The custom identifier already exists.")
        if len(known) >= MOST:
            raise UnfitNameError("limitReached", f"An account has at most {MOST} custom identifiers.")
        return CustomIdentifier.objects.create(account=account, name=name, created_at=now, updated_at=now)


def names_of(account: Account | int) -> dict[str, CustomIdentifier]:
    """Those of the account, by name in lower case."""
    rows = CustomIdentifier.objects.filter(account=account).order_by("pk")
    return {row.name.lower(): row for row in rows}


def find(account: Account, kind: str, value: str, *, lock: bool = False) -> Contact | None:
    """The contact that is called so, also one in the recycle bin. IdentifierError for an unknown kind."""
    known = names_of(account).get(kind.lower())
    if known is None or not value or len(value) > LONGEST_CUSTOM:
        raise IdentifierError(kind, value)
    people = Contact.objects.filter(account=account, identifiers__identifier=known, identifiers__value=value)
    return (people.select_for_update(of=("self",)) if lock else people).first()


def check(account: Account, said: Mapping[str, str]) -> None:
    """Refused for a kind that the account does not have."""
    if said and (unknown := said.keys() - names_of(account).keys()):
        raise misfit(f"There is no identifier '{min(unknown)}'")


def put(contact: Contact, said: Mapping[str, str]) -> None:
    """Have the contact called so; refused when another is. `said` is by name in lower case."""
    known = names_of(contact.account) if said else {}
    for name, value in sorted(said.items()):
        try:
            with transaction.atomic():
                ContactIdentifier.objects.update_or_create(
                    identifier=known[name], contact=contact, defaults={"value": value}
                )
        except IntegrityError:
            raise EngageError(
                "ERROR_NON_UNIQUE_EMAIL",
                f"The id value '{value}' already exists. All identifiers must be unique!",
            ) from None


def of(contacts: Iterable[int]) -> dict[int, dict[str, str]]:
    """Contact -> what it is called, by the kind's name; only those that are called anything."""
    rows = ContactIdentifier.objects.filter(contact__in=contacts).order_by("identifier_id")
    found: dict[int, dict[str, str]] = {}
    for contact, name, value in rows.values_list("contact_id", "identifier__name", "value"):
        found.setdefault(contact, {})[name] = value
    return found
