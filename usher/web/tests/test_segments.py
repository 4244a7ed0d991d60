"""Segments: rules about contacts, checked and counted while one types, refreshed by a worker."""

from __future__ import annotations

import json
import time
from threading import Thread

import pytest
from django.db import connection
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from usher.engage.accounts import create_account
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Account, Audit, ContactList
from usher.engage.segments.refresh import refresh
from usher.web.figures import segments
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def of(db: None) -> Account:
    """Three contacts, two of whom are called Ann."""
    account = create_account("Music shop", NOW)
    for address, name in (("a@example.com", "Ann"), ("b@example.com", "Bob"), ("c@example.com", "Ann")):
        save(account, Draft(address, {"FIRSTNAME": name}), NOW)
    return account


def test_it_says_what_is_wrong_and_offers_what_is_meant(of: Account, page: Client) -> None:
    said = json.loads(page.post("/contacts/segments/check", {"text": 'FIRSTNAM = "Ann"'}).content)
    assert said["slips"][0]["fix"] == {"start": 0, "end": 8, "text": "FIRSTNAME"}
    said = json.loads(page.post("/contacts/segments/check", {"text": 'FIRSTNAME = "Ann"'}).content)
    assert (said["slips"], "Contacts" in said["english"]) == ([], True)
    offers = json.loads(page.post("/contacts/segments/complete", {"text": "FIRSTN", "position": "6"}).content)
    assert offers["offers"][0]["text"] == "FIRSTNAME"


def test_it_counts_whom_a_rule_finds(of: Account, page: Client) -> None:
    shown = page.post("/contacts/segments/preview", {"text": 'FIRSTNAME = "Ann"'}).content.decode()
    assert '<span class="big">2</span>' in shown
    assert "of 3 contacts (66.7\u00a0%)" in shown
    assert "a@example.com" in shown
    assert "Not counted." in page.post("/contacts/segments/preview", {"text": "FIRSTNAME"}).content.decode()


@pytest.mark.parametrize("example", segments.EXAMPLES)
def test_its_examples_can_be_asked(of: Account, example: str) -> None:
    assert segments.counted(of, example, NOW).of == 3


def test_it_makes_a_segment_and_has_it_refreshed(of: Account, page: Client) -> None:
    said = {"name": "Anns", "rule": 'FIRSTNAME = "Ann"', "folder": "Names"}
    page.post("/contacts/segments/new", said)
    row = ContactList.objects.get(kind="segment")
    assert ProcrastinateJob.objects.filter(task_name="refresh_segment", args={"segment": row.pk}).exists()
    assert set(Audit.objects.filter(kind="list").values_list("by", flat=True)) == {"page alice"}
    refresh(row, NOW)
    shown = page.get(f"/contacts/lists/{row.pk}").content.decode()
    assert "2 contacts" in shown
    assert "Contacts whose FIRSTNAME" in shown
    assert "Anns" in page.get("/contacts/segments").content.decode()
    assert page.get(f"/contacts/lists/{row.pk}/edit").status_code == 404
    page.post(f"/contacts/segments/{row.pk}/edit", said | {"rule": 'FIRSTNAME = "Bob"'})
    row.refresh_from_db()
    assert (row.rule, row.refresh_state) == ('FIRSTNAME = "Bob"', "NotStarted")


@pytest.mark.parametrize("rule", ["", "FIRSTNAME =", "FIRSTNAME", 'segment("Nobody")'])
def test_it_refuses_a_rule_that_cannot_be_asked(of: Account, page: Client, rule: str) -> None:
    shown = page.post("/contacts/segments/new", {"name": "Anns", "rule": rule}).content.decode()
    assert "It was not saved" in shown
    assert not ContactList.objects.filter(kind="segment").exists()


def test_it_refuses_a_name_that_is_taken(of: Account, page: Client) -> None:
    said = {"name": "Anns", "rule": 'FIRSTNAME = "Ann"'}
    page.post("/contacts/segments/new", said)
    assert "There is a list" in page.post("/contacts/segments/new", said).content.decode()


def test_of_many_it_asks_some_by_chance_first_and_then_everybody(
    of: Account, page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        save(of, Draft(f"p{number}@example.com", {"FIRSTNAME": "Ann" if number % 3 else "Bob"}), NOW)
    monkeypatch.setattr(segments, "DRAWN", 40)
    rough = segments.counted(of, 'FIRSTNAME = "Ann"', NOW)
    assert (rough.of, rough.drawn > 0) == (63, True)
    assert rough.low <= rough.count <= rough.high <= 63
    exact = segments.counted(of, 'FIRSTNAME = "Ann"', NOW, exact=True)
    assert (exact.count, exact.of, exact.drawn) == (42, 63, 0)
    said = {"text": 'FIRSTNAME = "Ann"', "token": "a-count"}
    assert "data-rough" in page.post("/contacts/segments/preview", said).content.decode()
    shown = page.post("/contacts/segments/preview", {**said, "exact": "true"}).content.decode()
    assert '<span class="big">42</span>' in shown


@pytest.mark.parametrize(
    ("count", "of", "everybody", "between"),
    [(0, 10_000, 1_000_000, (0, 385)), (5_000, 10_000, 1_000_000, (490_201, 509_799)), (0, 0, 9, (0, 9))],
)
def test_it_says_between_which_numbers_the_true_one_is(
    count: int, of: int, everybody: int, between: tuple[int, int]
) -> None:
    assert segments._between(count, of, everybody) == between


@pytest.mark.django_db(transaction=True)
def test_a_newer_count_of_the_same_field_ends_the_older_one() -> None:
    said: list[str] = []

    def older() -> None:
        try:
            segments._asked("select pg_sleep(8)", {}, "one")
        except segments.CountError as problem:
            said.append(str(problem))
        finally:
            connection.close()

    waits = Thread(target=older)
    waits.start()
    while waits.is_alive():
        segments.stop("two")
        segments.stop("one")
        time.sleep(0.05)
    assert said == ["a newer count took the place of this one"]
