"""`usher suppress`."""

from __future__ import annotations

import json

import pytest

from usher.cli.tests.conftest import Usher
from usher.engage.access import default_account
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Audit, Contact, SuppressedDomain, Suppression
from usher.engage.models.contacts import Status
from usher.lib import clock


@pytest.fixture
def alice(usher: Usher) -> Contact:
    now = clock.now()
    return save(default_account(now), Draft("Alice@example.com"), now)[0]


def status_of(person: Contact) -> str:
    person.refresh_from_db()
    return person.status


def test_an_address_is_suppressed_with_its_reason_and_let_back_in(usher: Usher, alice: Contact) -> None:
    because = ("--because", "rang us up")
    assert usher("suppress", "address", "ALICE@example.com", "no@example.com", *because).exit_code == 0
    assert status_of(alice) == "Suppressed"
    told = json.loads(usher("suppress", "list", "--search", "alice", "--json").stdout)
    (row,) = told["suppressed"]
    assert (row["email_key"], row["reason"]) == ("alice@example.com", "Suppressed")
    assert row["source"].endswith(": rang us up")
    for address in ("alice@example.com", "no@example.com"):
        assert usher("suppress", "lift", address, "--because", "wrote to us").exit_code == 0
    assert status_of(alice) == "Subscribed"
    assert not Suppression.objects.filter(lifted_at=None).exists()
    assert Audit.objects.filter(kind="suppression", act="lift").count() == 2
    assert usher("suppress", "lift", "no@example.com", "--because", "again").exit_code == 1


def test_nothing_is_suppressed_without_a_reason_or_an_address(usher: Usher, alice: Contact) -> None:
    assert usher("suppress", "address", "alice@example.com", "--because", " ").exit_code == 1
    assert usher("suppress", "address", "alice@example.com", "none", "--because", "x").exit_code == 1
    assert not Suppression.objects.exists()


def test_a_domain_is_suppressed_after_a_yes_and_allowed_again(usher: Usher, alice: Contact) -> None:
    assert (
        usher("suppress", "domain", "example.com", "--because", "a rival").exit_code == 1
    )  # nobody answered
    assert not SuppressedDomain.objects.exists()
    assert usher("suppress", "domain", "example.com", "--because", "a rival", "--yes").exit_code == 0
    assert status_of(alice) == "DomainSuppression"
    assert usher("suppress", "lift", "alice@example.com", "--because", "x").exit_code == 1
    assert usher("suppress", "allow-domain", "example.com").exit_code == 0
    assert usher("suppress", "allow-domain", "example.com").exit_code == 1
    assert status_of(alice) == "DomainSuppression"


def test_everywhere_is_for_good(usher: Usher, alice: Contact) -> None:
    said = ("suppress", "everywhere", "alice@example.com", "--because", "asked us to")
    assert usher(*said).exit_code == 1  # nobody answered
    assert status_of(alice) == "Subscribed"
    assert usher(*said, "--yes").exit_code == 0
    assert status_of(alice) == "SharedSuppression"
    assert usher("suppress", "lift", "alice@example.com", "--because", "x").exit_code == 1
    assert status_of(alice) == "SharedSuppression"


def test_nobody_is_let_back_in_out_of_a_complaint(usher: Usher, alice: Contact) -> None:
    suppress(default_account(clock.now()), ["alice@example.com"], Status.ISP_COMPLAINED, "loop", clock.now())
    assert usher("suppress", "lift", "alice@example.com", "--because", "x").exit_code == 1
    assert status_of(alice) == "IspComplained"
