"""The pages' tests stand on one moment of a virtual clock and, where they say so, on the whole scene."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from usher.lib import clock
from usher.web.tests import scene


@pytest.fixture(autouse=True)
def _standing_clock(tmp_path: Path) -> Iterator[None]:
    clock.virtual = tmp_path / "clock"
    clock.move(clock.virtual, scene.NOW)
    yield
    clock.virtual = None


@pytest.fixture
def alice(db: None) -> User:
    """A marketer with a password."""
    return User.objects.create_user("alice", "alice@example.com", "correct horse battery")


@pytest.fixture
def page(alice: User, client: Client) -> Client:
    """A client that has logged in as Alice."""
    client.force_login(alice)
    return client


@pytest.fixture
def house(db: None, tmp_path: Path, settings: Any) -> None:
    """The scene without snapshots of its audiences."""
    settings.USHER_DATA_DIR = tmp_path
    scene.unevaluated(tmp_path)


@pytest.fixture
def shop(house: None) -> None:
    """The whole scene."""
    scene.evaluated()
