"""Make, rename and delete lists."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from usher.engage.errors import EngageError
from usher.engage.models import Account, ContactList
from usher.engage.models.contacts import Visibility

LONGEST_NAME = 128
RESERVED = frozenset({"test", "all contacts"})


def create_list(
    account: Account, name: str, now: datetime, visibility: Visibility = Visibility.PRIVATE
) -> ContactList:
    """Make a list. Refused for a name that is taken (in any case of letters), reserved, empty or too long.

    There is no limit to how many, unless the account's limits name one (`lists`).
    """
    most = account.limits.get("lists")
    if most is not None and ContactList.objects.filter(account=account).count() >= int(most):
        raise EngageError("ERROR_ADDRESSBOOK_LIMITEXCEEDED", f"The account has {most} lists already.")
    made = ContactList(account=account, name=checked_name(name), visibility=visibility, created_at=now)
    write(made)
    return made


def change_list(found: ContactList, name: str, visibility: Visibility | None) -> ContactList:
    found.name = checked_name(name)
    found.visibility = visibility or found.visibility
    write(found)
    return found


def checked_name(name: str) -> str:
    """A name that a list or segment may have. Refused for one that is reserved, empty or too long."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise EngageError("ERROR_ADDRESSBOOK_INVALID", f"The Name field has 1 to {LONGEST_NAME} characters.")
    if not name.isprintable():
        raise EngageError(
            "ERROR_ADDRESSBOOK_INVALID", "The Name field is one line, without control characters."
        )
    if name.lower() in RESERVED:
        raise EngageError("ERROR_ADDRESSBOOK_DUPLICATE", f"'{name}' is a reserved name.")
    return name


def write(one: ContactList) -> None:
    """Save a list or segment. Refused when another has its name, in any case of letters."""
    try:
        with transaction.atomic():
            one.save()
    except IntegrityError:
        raise EngageError("ERROR_ADDRESSBOOK_DUPLICATE", f"There is a list '{one.name}' already.") from None
