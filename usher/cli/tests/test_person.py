"""`usher person export|erase`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from usher.cli.tests.conftest import Usher
from usher.engage.access import default_account
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Contact
from usher.lib import clock


@pytest.fixture
def alice(usher: Usher) -> Contact:
    now = clock.now()
    return save(default_account(now), Draft("Alice@example.com", {"FIRSTNAME": "Zoë"}), now)[0]


def test_a_person_is_written_to_a_file_for_its_owner_only(
    usher: Usher, alice: Contact, tmp_path: Path
) -> None:
    file = tmp_path / "alice.json"
    assert usher("person", "export", "alice@EXAMPLE.com", "--json", str(file)).exit_code == 0
    (told,) = json.loads(file.read_text("utf-8"))
    assert told["contact"]["data"] == {"FIRSTNAME": "Zoë"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_erasing_asks_and_then_forgets(usher: Usher, alice: Contact) -> None:
    assert usher("person", "erase", "alice@example.com").exit_code == 1  # nobody answered
    alice.refresh_from_db()
    assert alice.email == "Alice@example.com"
    assert usher("person", "erase", "alice@example.com", "--yes").exit_code == 0
    alice.refresh_from_db()
    assert (alice.email, alice.data, alice.status) == ("", {}, "Deleted")
    assert usher("person", "export", "alice@example.com").exit_code == 1
