"""Segments in definition files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from usher.engage import definitions
from usher.engage.access import default_account
from usher.engage.lists.edit import create_list
from usher.engage.models import ContactList
from usher.lib.changes import Change, DefinitionError

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def apply(name: str, body: Any) -> Change:
    default_account(NOW)
    read = definitions.SECTIONS["contact_segments"].model_validate(body)
    return definitions.apply("contact_segments", name, read, base_dir=Path(), by="test", now=NOW)


def test_a_rule_alone_makes_a_segment_and_applying_again_changes_nothing() -> None:
    assert apply("Annas", 'FIRSTNAME = "Anna"').action == "created"
    assert apply("Annas", 'FIRSTNAME = "Anna"').action == "unchanged"
    assert definitions.export("contact_segments") == {"Annas": {"rule": 'FIRSTNAME = "Anna"'}}
    assert definitions.export("contact_lists") == {}


def test_a_rule_may_speak_of_a_list_and_another_rule_asks_for_a_refresh() -> None:
    create_list(default_account(NOW), "News", NOW)
    apply("Readers", {"rule": 'audience("News")', "folder": "Mine"})
    ContactList.objects.update(refresh_state="Finished")
    assert apply("Readers", 'audience("News") and FIRSTNAME is set').action == "updated"
    found = ContactList.objects.get(name="Readers")
    assert (found.refresh_state, found.folder) == ("NotStarted", "")


@pytest.mark.parametrize(("body", "field"), [("SHOES > 3", "rule"), ('segment("Loop")', "rule")])
def test_a_rule_that_does_not_fit_says_so(body: str, field: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        apply("Loop", body)
    assert refusal.value.field == field


def test_a_lists_name_is_taken() -> None:
    create_list(default_account(NOW), "News", NOW)
    with pytest.raises(DefinitionError, match="a contact list has this name"):
        apply("news", "FIRSTNAME is set")
