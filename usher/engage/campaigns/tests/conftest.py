"""A campaign of the API's account, people to send it to, and a clock that stands at noon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from usher.engage.models import Account, Contact, ContactList, Membership
from usher.engage.tests.conftest import NOW, Caller, account, api, other
from usher.engage.tests.test_campaigns import MAIL
from usher.lib import clock

__all__ = ["account", "api", "other"]

Made = Callable[..., list[int]]
LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def campaign(api: Caller) -> int:
    return int(api.json("POST /v2/campaigns", MAIL, 201)["id"])


@pytest.fixture
def people(account: Account) -> Made:
    """Subscribed contacts of these names; their ids."""

    def made(*names: str, **values: Any) -> list[int]:
        times = {"status_at": NOW, "created_at": NOW, "updated_at": NOW}
        rows = [
            Contact(
                account=account,
                email=f"{name}@example.com",
                email_key=f"{name}@example.com",
                **times | values,
            )
            for name in names
        ]
        return [row.pk for row in Contact.objects.bulk_create(rows)]

    return made


@pytest.fixture
def news(account: Account) -> ContactList:
    return ContactList.objects.create(account=account, name="News", created_at=NOW)


def put(found: ContactList, *contacts: int, **values: Any) -> None:
    Membership.objects.bulk_create(
        Membership(list=found, contact_id=one, joined_at=NOW, **values) for one in contacts
    )
