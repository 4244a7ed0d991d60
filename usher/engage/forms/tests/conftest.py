"""A shop with a list, a topic and a form that offers them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from usher.engage.accounts import create_account
from usher.engage.contacts.fields import create_field
from usher.engage.forms.edit import Asked, Draft, save
from usher.engage.lists.edit import create_list
from usher.engage.models import Account, ContactList, Form, Preference
from usher.engage.models.contacts import Visibility
from usher.engage.preferences import tree
from usher.lib import clock

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clock stands on NOW; what visitors posted is counted apart for each test."""
    settings.USHER_DATA_DIR = tmp_path
    monkeypatch.setattr(clock, "virtual", tmp_path / "clock")
    clock.move(tmp_path / "clock", NOW)
    return tmp_path / "clock"


@pytest.fixture
def shop(db: None) -> Account:
    account = create_account("Music shop", NOW)
    create_field(account, "BORN", "Date", "Public")
    return account


@pytest.fixture
def news(shop: Account) -> ContactList:
    return create_list(shop, "News", NOW, Visibility.PUBLIC)


@pytest.fixture
def jazz(shop: Account) -> Preference:
    return tree.create(shop, tree.Draft("Jazz", "Jazz & blues", is_public=True), NOW)


@pytest.fixture
def form(shop: Account, news: ContactList, jazz: Preference) -> Form:
    draft = Draft(
        "Newsletter",
        news,
        "Music news",
        "I agree to get the shop's news.",
        fields=[Asked("FIRSTNAME", required=True), Asked("BORN", "Date of birth")],
        preferences=[jazz.pk],
    )
    return save(shop, draft, NOW)


ALICE = {"email": "Alice@example.com", "field_FIRSTNAME": "Alice", "consent": "on"}
