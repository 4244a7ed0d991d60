"""Contacts: found by part of the address, and told with every why."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.models import Contact

pytestmark = pytest.mark.django_db


def test_it_finds_by_part_of_the_address(house: None, page: Client) -> None:
    shown = page.get("/contacts", {"q": "CUSTOMER5@"}).content.decode()
    assert "Customer5@example.com" in shown
    assert "Customer6@example.com" not in shown


def test_it_leaves_seeds_out_unless_asked_for(house: None, page: Client) -> None:
    assert "seed+" not in page.get("/contacts", {"q": "seed"}).content.decode()
    assert "seed+" in page.get("/contacts", {"q": "seed", "who": "seeds"}).content.decode()


def test_it_filters_by_status(house: None, page: Client) -> None:
    shown = page.get("/contacts", {"status": "Unsubscribed"}).content.decode()
    assert "Customer5@example.com" in shown
    assert "1 row<" in shown.replace("\n", "")


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
