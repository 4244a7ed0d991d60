"""Contacts are found by how words of their address and names begin, as soon as they are written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from usher.engage import privacy
from usher.engage.accounts import create_account
from usher.engage.contacts import search, words
from usher.engage.contacts.write import Draft, purge, remove, save
from usher.engage.models import Account, Contact, ContactWords
from usher.engage.tests.conftest import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def of(db: None) -> Account:
    """Two people of whom the words are written, and one who has just come."""
    account = create_account("Music shop", NOW)
    save(account, Draft("ann.mueller@example.com", {"FIRSTNAME": "Änn", "LASTNAME": "Müller-O'Neil"}), NOW)
    save(
        account,
        Draft("bob@gmail.com", {"FULLNAME": "Bob 'the' \\ Builder"}, mobile_number="436601234567"),
        NOW,
    )
    assert words.write_all(LATER) == 2
    save(account, Draft("anna@example.com"), LATER)
    return account


def found(text: str) -> set[str]:
    parts = search.beginning(text, Contact.objects.all())
    return {person.email for part in parts for person in part}


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("mü", {"ann.mueller@example.com"}),
        ("ÄNN müll", {"ann.mueller@example.com"}),
        ("neil", {"ann.mueller@example.com"}),
        ("o'neil", {"ann.mueller@example.com"}),
        ("ann", {"ann.mueller@example.com", "anna@example.com"}),
        ("ann.mue", {"ann.mueller@example.com"}),
        ("@gmail", {"bob@gmail.com"}),
        ("builder the", {"bob@gmail.com"}),
        ("builder 'the'", {"bob@gmail.com"}),
        ("ueller", set()),
        ("+43 660 1234567", {"bob@gmail.com"}),
        ("00436601234567", {"bob@gmail.com"}),
        ("'", set()),  # no word: only who changed since is looked at
        ("\\", set()),
        ("99999999999999999999999", set()),
    ],
)
def test_it_finds_by_the_beginnings_of_words(of: Account, text: str, who: set[str]) -> None:
    assert found(text) == who


def test_who_changed_is_found_at_once_and_not_by_the_old_name(of: Account) -> None:
    bob = Contact.objects.get(email="bob@gmail.com")
    save(of, Draft(bob.email, {"FULLNAME": "Robert"}), LATER)
    assert (found("robert"), found("builder")) == ({"bob@gmail.com"}, set())
    words.write_all(LATER + timedelta(hours=1))
    assert (found("robert"), found("builder")) == ({"bob@gmail.com"}, set())
    assert of.words_to < Account.objects.get().words_to == LATER


def test_what_is_newer_than_a_minute_is_looked_at_again(of: Account) -> None:
    assert words.write_all(LATER) == 1
    assert words.write_all(LATER) == 1
    assert words.write_all(LATER + timedelta(minutes=2)) == 1
    assert words.write_all(LATER + timedelta(minutes=2)) == 0


def test_it_goes_through_more_than_fit_in_one_transaction(
    of: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "TOGETHER", 2)
    for number in range(5):
        save(of, Draft(f"more{number}@example.com"), LATER + timedelta(minutes=number))
    assert words.write_all(LATER + timedelta(hours=1)) == 6
    assert ContactWords.objects.count() == 8


def test_who_is_erased_or_purged_leaves_no_words(of: Account) -> None:
    bob = Contact.objects.get(email="bob@gmail.com")
    privacy.erase(bob, "page alice", LATER)
    ann = Contact.objects.get(email="ann.mueller@example.com")
    remove(ann, LATER)
    purge(of, LATER)
    assert not ContactWords.objects.filter(pk__in=[bob.pk, ann.pk]).exists()
    assert (found("bob"), found("müller")) == (set(), set())
