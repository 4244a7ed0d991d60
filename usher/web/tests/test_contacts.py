"""Contacts: found by part of the address, and told with every why."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.contacts.fields import create_field
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Audit, Contact
from usher.engage.models.contacts import Status
from usher.web.tests import scene

pytestmark = pytest.mark.django_db


def test_it_finds_by_part_of_the_address(house: None, page: Client) -> None:
    shown = page.get("/contacts", {"q": "CUSTOMER5@"}).content.decode()
    assert "Customer5@example.com" in shown
    assert "Customer6@example.com" not in shown


def test_it_leaves_seeds_out_unless_asked_for(house: None, page: Client) -> None:
    assert "seed+" not in page.get("/contacts", {"q": "seed"}).content.decode()
    assert "seed+" in page.get("/contacts", {"q": "seed", "who": "seeds"}).content.decode()


def test_it_filters_by_status(house: None, page: Client) -> None:
    shown = page.get("/contacts", {"status": "Unsubscribed"})
    assert [str(person) for person in shown.context["rows"].rows] == ["Customer5@example.com"]


def found(page: Client, text: str) -> list[str]:
    return [str(person) for person in page.get("/contacts", {"q": text}).context["rows"].rows]


def test_it_finds_by_name_id_and_number(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    said = {"FIRSTNAME": "Ann", "LASTNAME": "Müller"}
    ann, _ = save(of, Draft("x1@example.com", said, mobile_number="436601234567"), scene.NOW)
    save(of, Draft("bob@example.com", {"FIRSTNAME": "Ann", "LASTNAME": "Maier"}), scene.NOW)
    assert found(page, "ann mül") == ["x1@example.com"]
    assert found(page, str(ann.pk)) == ["x1@example.com"]
    assert found(page, "436601234567") == ["x1@example.com"]
    assert found(page, "ANN") == ["bob@example.com", "x1@example.com"]
    assert found(page, "ann@") == []


def test_it_edits_address_and_fields_of_the_same_person(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    create_field(of, "VIP", "Boolean")
    ann, _ = save(of, Draft("ann@example.com", {"FIRSTNAME": "Ann", "LASTNAME": "M"}), scene.NOW)
    said = {"email": "anna@example.com", "field-FIRSTNAME": "Anna", "field-LASTNAME": "", "field-VIP": "true"}
    page.post(f"/contacts/{ann.pk}/edit", said)
    ann.refresh_from_db()
    assert (ann.email_key, ann.data) == ("anna@example.com", {"FIRSTNAME": "Anna", "VIP": True})
    assert set(Audit.objects.values_list("kind", "by")) == {("contact", "page alice")}
    save(of, Draft("bob@example.com"), scene.NOW)
    shown = page.post(f"/contacts/{ann.pk}/edit", said | {"email": "bob@example.com"}).content.decode()
    assert "belongs to another contact" in shown


def test_somebody_who_opted_out_is_not_edited(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    ann, _ = save(of, Draft("ann@example.com"), scene.NOW)
    suppress(of, ["ann@example.com"], Status.UNSUBSCRIBED, "page", scene.NOW)
    page.post(f"/contacts/{ann.pk}/edit", {"email": "new@example.com"})
    ann.refresh_from_db()
    assert ann.email == "ann@example.com"


def test_it_tells_what_happened_and_why(shop: None, page: Client) -> None:
    person = Contact.objects.get(email_key="customer1@example.com")
    shown = page.get(f"/contacts/{person.pk}").content.decode()
    for said in (
        "Joined the list “Usher sync”",
        "Gained the auto tag LAPSED_BUYER",
        "Entered “Win back”",
        "Mailed “We miss you”",
        "asked for by the program “Win back”",
        "Opened “We miss you”",
        "Clicked in “We miss you”",
        "Clicked “We miss you”? No",
        "goes on to: Send “Your favourites are waiting”",
        "deferred by the relay: 421 4.7.0 try again later",
    ):
        assert said in shown, said


def test_it_says_that_somebody_must_not_be_mailed(house: None, page: Client) -> None:
    person = Contact.objects.get(status="Unsubscribed")
    shown = page.get(f"/contacts/{person.pk}").content.decode()
    assert "This address must not be mailed: Unsubscribed since" in shown


def test_it_marks_a_seed(house: None, page: Client) -> None:
    seed = Contact.objects.filter(is_seed=True).first()
    assert seed
    assert "never counted as a customer" in page.get(f"/contacts/{seed.pk}").content.decode()
