from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from usher.engage import definitions
from usher.engage.models import Account, Campaign, ContactList, DataField, Program
from usher.engage.tests.conftest import NOW
from usher.lib.changes import Change, DefinitionError

pytestmark = pytest.mark.django_db


def apply(section: str, name: str, body: Any) -> Change:
    model = definitions.SECTIONS[section].model_validate(body)
    return definitions.apply(section, name, model, base_dir=Path("/"), by="test", now=NOW)


ACCOUNT = {
    "name": "Music shop",
    "from_name": "The Music Shop",
    "from_address": "hello@musicshop.example.com",
    "mail_domain": "musicshop.example.com",
    "time_zone": "Europe/London",
}


def test_the_account_is_named_by_its_definition() -> None:
    assert apply("account", "", ACCOUNT).action == "updated"
    assert apply("account", "", ACCOUNT) == Change("account", "Music shop", "unchanged")
    assert (
        str(apply("account", "", ACCOUNT | {"time_zone": "UTC"}))
        == "updated account “Music shop” (time_zone)"
    )
    assert Account.objects.get().from_address == "hello@musicshop.example.com"
    assert definitions.export("account") == {"": ACCOUNT | {"time_zone": "UTC"}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"from_address": "nobody"},
        {"time_zone": "Mars/Base"},
        {"mail_domain": "a b"},
        {"shoe_size": 38},
    ],
)
def test_it_refuses_an_account_that_cannot_mail(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        apply("account", "", ACCOUNT | wrong)


def test_data_fields_are_made_and_changed_but_keep_their_type() -> None:
    assert apply("data_fields", "orders", "numeric") == Change("data field", "ORDERS", "created")
    assert apply("data_fields", "ORDERS", {"type": "Numeric"}).action == "unchanged"
    changed = apply("data_fields", "ORDERS", {"type": "numeric", "default": 0, "visibility": "public"})
    assert changed.fields == ("visibility", "default")
    assert apply("data_fields", "FIRSTNAME", {"type": "text", "default": "friend"}).action == "updated"
    assert definitions.export("data_fields") == {
        "FIRSTNAME": {"type": "String", "default": "friend"},
        "ORDERS": {"type": "Numeric", "default": "0", "visibility": "Public"},
    }
    with pytest.raises(DefinitionError, match="it is Numeric already and stays so"):
        apply("data_fields", "ORDERS", "date")
    for name, body in (
        ("ORDERS", {"type": "numeric", "default": "many"}),
        ("two words", "text"),
        ("A", "float"),
    ):
        with pytest.raises(DefinitionError):
            apply("data_fields", name, body)
    assert DataField.objects.count() == 6


def test_what_is_exported_can_be_applied_again() -> None:
    apply("account", "", ACCOUNT)
    apply("data_fields", "VIP", {"type": "boolean", "default": True})
    Program.objects.create(account=Account.objects.get(), name="Welcome", created_at=NOW)
    apply("contact_lists", "News", {"visibility": "public", "join_program": "Welcome"})
    for section in ("account", "data_fields", "contact_lists"):
        for name, body in definitions.export(section).items():
            assert apply(section, name, body).action == "unchanged"


def test_lists_name_what_a_join_starts() -> None:
    assert apply("contact_lists", "News", {}).action == "created"
    account = Account.objects.get()
    program = Program.objects.create(account=account, name="Welcome", created_at=NOW)
    campaign = Campaign.objects.create(
        account=account, name="Hello", status="Triggered", created_at=NOW, updated_at=NOW
    )
    body = {"visibility": "Public", "join_program": "welcome", "join_campaign": "HELLO"}
    assert apply("contact_lists", "NEWS", body).fields == ("visibility", "join_program", "join_campaign")
    assert apply("contact_lists", "News", body).action == "unchanged"
    found = ContactList.objects.get()
    assert (found.name, found.join_program, found.join_campaign) == ("News", program, campaign)
    assert definitions.export("contact_lists") == {
        "News": {"visibility": "Public", "join_program": "Welcome", "join_campaign": "Hello"}
    }
    Campaign.objects.update(status="Unsent")
    with pytest.raises(DefinitionError, match="there is no triggered campaign “Hello”"):
        apply("contact_lists", "News", {"join_campaign": "Hello"})
    with pytest.raises(DefinitionError, match="there is no program “Nope”"):
        apply("contact_lists", "News", {"join_program": "Nope"})
    with pytest.raises(DefinitionError, match="'Test' is a reserved name"):
        apply("contact_lists", "Test", {})


def test_campaigns_and_programs_are_handed_on() -> None:
    body = {"subject": "Hi", "html": '<a href="http://$UNSUB$">x</a>', "text": "http://$UNSUB$"}
    apply("account", "", ACCOUNT)
    assert apply("campaigns", "Hello", body).action == "created"
    assert set(definitions.export("campaigns")) == {"Hello"}
    order = ["account", "data_fields", "campaigns", "programs", "contact_lists", "contact_segments"]
    assert [section for section in definitions.SECTIONS if section in order] == order


def test_nothing_is_exported_from_nothing() -> None:
    assert all(definitions.export(section) == {} for section in definitions.SECTIONS)
