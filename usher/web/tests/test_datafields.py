"""Data fields: made, refused, and deleted only when nothing needs them."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Account, Audit, Contact, ContactList, DataField
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db
MADE = {"name": "town", "type": "String", "visibility": "Public", "default": "your town"}


@pytest.fixture
def of(db: None) -> Account:
    return create_account("Music shop", NOW)


def test_it_makes_a_field(of: Account, page: Client) -> None:
    assert "TOWN" in page.post("/contacts/fields", MADE, follow=True).content.decode()
    row = DataField.objects.get(name="TOWN")
    assert (row.type, row.visibility, row.default_value) == ("String", "Public", "your town")
    shown = page.get("/contacts/fields").content.decode()
    assert '<code>TOWN</code><small>shown to contacts</small></th><td data-label="Holds">text</td>' in shown
    assert "<code>FIRSTNAME</code><small>private</small>" in shown
    assert Audit.objects.get(kind="data field").by == "page alice"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"name": "FIRSTNAME"}, "Field already exists."),
        ({"name": "two words"}, "letters, digits"),
        ({"name": "AGE", "type": "Numeric", "default": "old"}, "The default of AGE"),
    ],
)
def test_it_says_why_it_makes_none(of: Account, page: Client, said: dict[str, str], why: str) -> None:
    assert why in page.post("/contacts/fields", MADE | said).content.decode()
    assert DataField.objects.count() == 5


def test_it_deletes_a_field_with_every_value(of: Account, page: Client) -> None:
    page.post("/contacts/fields", MADE)
    save(of, Draft("ann@example.com", {"TOWN": "Graz"}), NOW)
    path = f"/contacts/fields/{DataField.objects.get(name='TOWN').pk}/delete"
    assert "is not “TOWN”" in page.post(path, {"typed": "no"}).content.decode()
    page.post(path, {"typed": "town"})
    assert Contact.objects.get().data == {}
    assert page.get(path).status_code == 404


def test_a_field_that_a_segment_asks_for_stays(of: Account, page: Client) -> None:
    page.post("/contacts/fields", MADE)
    ContactList.objects.create(account=of, name="Near", kind="segment", rule='TOWN = "Graz"', created_at=NOW)
    row = DataField.objects.get(name="TOWN")
    shown = page.post(f"/contacts/fields/{row.pk}/delete", {"typed": "TOWN"}).content.decode()
    assert "the segment “Near”" in shown
    assert DataField.objects.filter(pk=row.pk).exists()


def test_a_field_that_every_account_has_stays(of: Account, page: Client) -> None:
    row = DataField.objects.get(name="GENDER")
    shown = page.post(f"/contacts/fields/{row.pk}/delete", {"typed": "GENDER"}).content.decode()
    assert "Every account has this field, and keeps it." in shown
