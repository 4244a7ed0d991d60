"""Making an account, and the numbers by which one is limited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction

from usher.engage.contacts.fields import create_built_in
from usher.engage.contacts.suppress import share_with
from usher.engage.models import Account

#: What holds unless the account has another number by this name.
LIMITS: Mapping[str, int] = {
    # calls a minute of each tier, and an hour for users of the flat scheme
    "low_calls": 35,
    "medium_calls": 150,
    "high_calls": 300,
    "calls_an_hour": 2000,
    # 1: Usher's own calls from this machine are limited too
    "own_calls": 0,
    "contacts_per_send": 10,
    "transactional_mails_a_day": 50_000,
    "contacts_per_enrolment": 25,
    "lists_per_enrolment": 10,
    "enrolment_calls_an_hour": 20,
    # that an import may leave the account with; 0: as many as there are
    "contacts": 0,
}


def create_account(name: str, now: datetime) -> Account:
    """A new account with the data fields that every account has, and the suppressions that hold for all."""
    with transaction.atomic():
        account = Account.objects.create(name=name, time_zone=settings.TIME_ZONE, created_at=now)
        create_built_in(account)
        share_with(account, now)
    return account


def limit(account: Account, name: str) -> int:
    """One of LIMITS, as it holds for this account."""
    return int(account.limits.get(name, LIMITS[name]))
