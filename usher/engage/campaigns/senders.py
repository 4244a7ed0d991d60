"""The addresses that mail of an account may come from: its own, and those that were made known."""

from __future__ import annotations

from datetime import datetime

from usher.engage.errors import EngageError
from usher.engage.models import Account, FromAddress

#: The id of the account's own address, which is no row.
OWN = 0


def known(account: Account) -> dict[str, int]:
    """Lower-case address -> its id; the account's own is always the first."""
    found = {account.from_address.lower(): OWN}
    for row in FromAddress.objects.filter(account=account).order_by("pk"):
        found.setdefault(row.email.lower(), row.pk)
    return found


def make_known(account: Account, email: str, now: datetime) -> None:
    """Let mail of the account come from this address; twice is harmless."""
    if email and email.lower() not in known(account):
        FromAddress.objects.create(account=account, email=email, created_at=now)


def chosen(account: Account, email: str = "", number: int | None = None) -> str:
    """The address that somebody chose by itself or else by its id; empty for the account's own.

    EngageError for an address or id that is not one of the account's.
    """
    by_address = known(account)
    if email:
        if email.strip().lower() not in by_address:
            raise EngageError(
                "ERROR_CAMPAIGN_INVALID", f"The fromAddress '{email}' is not one of the account's addresses."
            )
        return "" if by_address[email.strip().lower()] == OWN else email.strip()
    if number is None or number == OWN:
        return ""
    for address, known_number in by_address.items():
        if known_number == number:
            return address
    raise EngageError("ERROR_CAMPAIGN_INVALID", f"There is no fromAddress with the id {number}.")
