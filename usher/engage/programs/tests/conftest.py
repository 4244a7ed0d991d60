"""A music shop with four people, and its program."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from usher.engage.accounts import create_account
from usher.engage.contacts.fields import create_field
from usher.engage.models import Account, Campaign, Contact, Program, ProgramVersion
from usher.engage.models.programs import ProgramStatus
from usher.engage.programs.graph import dump, parse

#: The day before the first check.
BEGIN = datetime(1998, 1, 1, 6, tzinfo=UTC)
LAPSED = "TAG_LAPSED_BUYER = true"

WIN_BACK: dict[str, Any] = {
    "start": {"schedule": "0 7 * * *", "rule": LAPSED, "limit": {"once_in_days": 365}, "first": "miss"},
    "exits": [{"name": "no longer lapsed", "rule": f"not ({LAPSED})"}],
    "nodes": {
        "miss": {"kind": "send", "campaign": "We miss you", "next": "week"},
        "week": {"kind": "wait", "days": 7, "next": "clicked"},
        "clicked": {
            "kind": "decision",
            "rule": 'exists(clicks where campaign = "We miss you")',
            "yes": "back",
            "no": "favourites",
        },
        "favourites": {"kind": "send", "campaign": "Your favourites are waiting", "next": "fortnight"},
        "fortnight": {"kind": "wait", "days": 14, "next": "silent"},
        "back": {"kind": "end", "name": "came back"},
        "silent": {"kind": "end", "name": "no answer"},
    },
}

Person = Callable[..., Contact]


def day(number: int, hour: int = 7, minute: int = 0) -> datetime:
    """07:00 of the n-th day; the first check is on day 0."""
    return BEGIN.replace(hour=hour, minute=minute) + timedelta(days=number)


@pytest.fixture
def account(db: None) -> Account:
    account = create_account("Music shop", BEGIN)
    create_field(account, "TAG_LAPSED_BUYER", "Boolean")
    create_field(account, "ORDERS", "Numeric")
    return account


@pytest.fixture
def campaigns(account: Account) -> dict[str, Campaign]:
    return {
        name: Campaign.objects.create(
            account=account,
            name=name,
            subject=name,
            html='<a href="https://shop.example/">shop</a> <a href="http://$UNSUB$">leave</a>',
            text="http://$UNSUB$",
            status="Triggered",
            created_at=BEGIN,
            updated_at=BEGIN,
        )
        for name in ("We miss you", "Your favourites are waiting")
    }


@pytest.fixture
def person(account: Account) -> Person:
    def add(name: str, lapsed: bool | None = True, **fields: Any) -> Contact:
        email = f"{name}@example.com"
        data = fields.pop("data", {}) | ({} if lapsed is None else {"TAG_LAPSED_BUYER": lapsed})
        defaults = {"status_at": BEGIN, "created_at": BEGIN, "updated_at": BEGIN}
        return Contact.objects.create(
            account=account, email=email, email_key=email, data=data, **(defaults | fields)
        )

    return add


def start(account: Account, graph: dict[str, Any], name: str = "Win back") -> Program:
    program = Program.objects.create(
        account=account, name=name, status=ProgramStatus.ACTIVE, created_at=BEGIN
    )
    ProgramVersion.objects.create(program=program, number=1, graph=dump(parse(graph)), created_at=BEGIN)
    return program


@pytest.fixture
def program(account: Account, campaigns: dict[str, Campaign]) -> Program:
    return start(account, WIN_BACK)
