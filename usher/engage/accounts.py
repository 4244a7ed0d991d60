"""Making an account."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction

from usher.engage.contacts.fields import create_built_in
from usher.engage.models import Account


def create_account(name: str, now: datetime) -> Account:
    """A new account with the data fields that every account has."""
    with transaction.atomic():
        account = Account.objects.create(name=name, time_zone=settings.TIME_ZONE, created_at=now)
        create_built_in(account)
    return account
