from __future__ import annotations

from datetime import timedelta

import pytest

from usher.engage.accounts import create_account
from usher.engage.contacts.suppress import (
    allow_domain,
    resubscribe,
    suppress,
    suppress_domain,
    suppress_everywhere,
)
from usher.engage.contacts.write import Draft, save
from usher.engage.errors import EngageError
from usher.engage.models import Account, Confirmation, Contact, Message, Suppression
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

SUPPRESSED = (400, "Contact is suppressed. ERROR_CONTACT_SUPPRESSED")


@pytest.fixture
def bob(api: Caller) -> int:
    return int(api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)["id"])


def test_an_opt_out_sticks(api: Caller, bob: int) -> None:
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    removed = api.json("POST /v2/contacts/unsubscribe", {"Email": "Bob@example.com"})
    assert (removed["reason"], removed["suppressedContact"]["status"]) == ("Unsubscribed", "Unsubscribed")
    body = {"email": "bob@example.com"}
    assert api.error("POST /v2/contacts", body) == SUPPRESSED
    assert api.error(f"PUT /v2/contacts/{bob}", body) == SUPPRESSED
    assert api.error(f"POST /v2/address-books/{book}/contacts", body) == SUPPRESSED
    assert api.json(f"GET /v2/contacts/{bob}")["status"] == "Unsubscribed"
    assert api.json(f"GET /v2/address-books/{book}")["contacts"] == 0


def test_the_wish_of_a_stranger_is_kept(api: Caller) -> None:
    removed = api.json("POST /v2/contacts/unsubscribe", {"email": "stranger@example.com"})
    assert removed["suppressedContact"]["status"] == "Unsubscribed"
    assert api.error("POST /v2/contacts", {"email": "stranger@example.com"}) == SUPPRESSED


def test_unsubscribing_twice_is_harmless(api: Caller, bob: int) -> None:
    first = api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    assert api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"}) == first
    assert Suppression.objects.count() == 1


def test_somebody_who_asks_may_come_back(api: Caller, bob: int) -> None:
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    body = {
        "unsubscribedContact": {
            "email": "bob@example.com",
            "dataFields": [{"key": "FIRSTNAME", "value": "Bob"}],
        },
        "preferredLocale": "En_GB",
    }
    back = api.json("POST /v2/contacts/resubscribe-with-no-challenge", body)
    assert (back["status"], back["contact"]["status"]) == ("ContactAdded", "Subscribed")
    assert back["contact"]["dataFields"][0] == {"key": "FIRSTNAME", "value": "Bob"}
    assert Suppression.objects.get().lifted_at is not None
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)


@pytest.mark.parametrize(
    "reason",
    [
        Status.ISP_COMPLAINED,
        Status.DIRECT_COMPLAINT,
        Status.SHARED_SUPPRESSION,
        Status.DOMAIN_SUPPRESSION,
        Status.NOT_ALLOWED,
    ],
)
def test_nobody_comes_back_from_a_complaint(api: Caller, account: Account, bob: int, reason: Status) -> None:
    suppress(account, ["bob@example.com"], reason, "feedback loop", NOW)
    body = {"unsubscribedContact": {"email": "bob@example.com"}}
    back = api.json("POST /v2/contacts/resubscribe-with-no-challenge", body)
    assert (back["status"], back["contact"]["status"]) == ("ContactCannotBeUnsuppressed", reason.value)
    assert Contact.objects.get(pk=bob).status == reason


def test_a_complaint_replaces_an_opt_out_but_not_the_other_way_round(account: Account, bob: int) -> None:
    suppress(account, ["bob@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    suppress(account, ["bob@example.com"], Status.HARD_BOUNCED, "smtp 550", NOW)
    assert Contact.objects.get(pk=bob).status == "Unsubscribed"
    suppress(account, ["bob@example.com"], Status.ISP_COMPLAINED, "feedback loop", NOW)
    assert Contact.objects.get(pk=bob).status == "IspComplained"
    suppress(account, ["bob@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    assert Contact.objects.get(pk=bob).status == "IspComplained"
    assert Suppression.objects.count() == 1


def test_it_suppresses_a_set_of_addresses_known_or_not(account: Account, bob: int) -> None:
    changed = suppress(
        account, ["Bob@example.com", "bob@example.com", "x@example.com"], Status.HARD_BOUNCED, "smtp", NOW
    )
    assert changed == 1
    assert sorted(Suppression.objects.values_list("email_key", "reason")) == [
        ("bob@example.com", "HardBounced"),
        ("x@example.com", "HardBounced"),
    ]
    assert suppress(account, ["bob@example.com"], Status.HARD_BOUNCED, "smtp", NOW) == 0
    assert suppress(account, [], Status.HARD_BOUNCED, "smtp", NOW) == 0


def test_coming_back_can_be_undone_again(account: Account, bob: int) -> None:
    contact = Contact.objects.get(pk=bob)
    for day in range(3):
        suppress(account, ["bob@example.com"], Status.UNSUBSCRIBED, "page", NOW + timedelta(days=day))
        assert resubscribe(contact, NOW + timedelta(days=day, hours=1)) is True
    assert Suppression.objects.count() == 3
    assert Contact.objects.get(pk=bob).status == "Subscribed"


def test_the_owner_suppresses_contacts(api: Caller, bob: int) -> None:
    api.json("POST /v2/contacts", {"email": "carol@example.com"}, 201)
    body = [{"Id": bob}, {"email": "Carol@example.com"}, {"email": "nobody@example.com"}, {"id": "4711"}]
    assert api.json("PUT /v2/contacts/suppress-contacts", body) == {
        "suppressed": [{"id": bob, "email": None}, {"id": 0, "email": "carol@example.com"}],
        "notFound": [{"id": 4711, "email": None}, {"id": 0, "email": "nobody@example.com"}],
    }
    assert api.json("GET /v2/contacts/carol@example.com")["status"] == "Suppressed"


def test_it_reads_who_left_since(api: Caller, account: Account, bob: int) -> None:
    suppress(account, ["bob@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    suppress(account, ["ghost@example.com"], Status.HARD_BOUNCED, "smtp 550", NOW + timedelta(days=1))
    gone = api.json("GET /v2/contacts/suppressed-since/2026-03-01")
    assert [(row["suppressedContact"]["email"], row["reason"], row["dateRemoved"]) for row in gone] == [
        ("bob@example.com", "Unsubscribed", "2026-03-01T12:00:00.000Z"),
        ("ghost@example.com", "HardBounced", "2026-03-02T12:00:00.000Z"),
    ]
    assert gone[0]["suppressedContact"]["dataFields"] is None
    left = api.json("GET /v2/contacts/unsubscribed-since/2026-03-01")
    assert [row["suppressedContact"]["id"] for row in left] == [bob]
    assert api.json("GET /v2/contacts/suppressed-since/2026-03-03") == []
    assert api.json("GET /v2/suppressions?since=2026-03-01T12:00:01Z") == gone[1:]
    assert api.json("GET /v2/suppressions") == gone


def test_a_suppression_can_be_lifted_by_its_alias(api: Caller, bob: int) -> None:
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    assert api.json("DELETE /v2/suppressions", {"email": "bob@example.com"})["status"] == "ContactAdded"


def test_a_challenge_asks_by_mail_and_changes_nothing_yet(api: Caller) -> None:
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    body = {
        "unsubscribedContact": {
            "email": "bob@example.com",
            "dataFields": [{"key": "FIRSTNAME", "value": "Bob"}],
        },
        "preferredLocale": "En_GB",
        "returnUrlToUseIfChallenged": "https://shop.example.com/welcome",
    }
    for _ in range(2):  # the second is swallowed
        answer = api.json("POST /v2/contacts/resubscribe", body)
        assert answer["status"] == "ContactChallenged"
        assert answer["contact"]["status"] == "Unsubscribed"
        assert {"key": "FIRSTNAME", "value": "Bob"} in answer["contact"]["dataFields"]
    asked = Confirmation.objects.get()
    assert (asked.kind, asked.list, asked.return_url) == (
        "resubscribe",
        None,
        "https://shop.example.com/welcome",
    )
    assert Message.objects.count() == 1


def test_a_challenge_for_a_list_names_it_and_whoever_did_not_leave_just_joins(api: Caller) -> None:
    news = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    body = {"unsubscribedContact": {"email": "bob@example.com"}}
    path = f"/v2/address-books/{news}/contacts"
    assert api.json(f"POST {path}/resubscribe", body)["status"] == "ContactAdded"
    api.json(f"POST {path}/unsubscribe", {"email": "bob@example.com"})
    assert api.json(f"POST {path}/resubscribe", body)["status"] == "ContactChallenged"
    assert api.json(f"GET {path}") == []
    assert Confirmation.objects.get().list_id == news


def test_a_challenge_is_refused_out_of_a_complaint(api: Caller, account: Account) -> None:
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    suppress(account, ["bob@example.com"], Status.ISP_COMPLAINED, "loop", NOW)
    body = {"unsubscribedContact": {"email": "bob@example.com"}}
    assert api.json("POST /v2/contacts/resubscribe", body)["status"] == "ContactCannotBeUnsuppressed"
    assert not Confirmation.objects.exists()


def test_a_return_address_is_one_of_the_web(api: Caller) -> None:
    body = {
        "unsubscribedContact": {"email": "bob@example.com"},
        "returnUrlToUseIfChallenged": "javascript:alert(1)",
    }
    status, message = api.error("POST /v2/contacts/resubscribe", body)
    assert status == 400
    assert "ERROR_PARAMETER_INVALID" in message


def test_an_account_that_demands_proof_challenges_in_any_case(api: Caller, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(double_opt_in=True)
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    body = {"unsubscribedContact": {"email": "bob@example.com"}}
    answer = api.json("POST /v2/contacts/resubscribe-with-no-challenge", body)
    assert answer["status"] == "ContactChallenged"


@pytest.mark.parametrize("reason", ["SoftBounced", "MailBlocked", "NoMxRecord", "HardBounced", "Suppressed"])
def test_what_may_end_is_lifted_by_resubscribing(api: Caller, account: Account, reason: str) -> None:
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    suppress(account, ["bob@example.com"], Status(reason), "smtp", NOW)
    assert api.json("GET /v2/contacts/bob@example.com")["status"] == reason
    body = {"unsubscribedContact": {"email": "bob@example.com"}}
    answer = api.json("POST /v2/contacts/resubscribe-with-no-challenge", body)
    assert (answer["status"], answer["contact"]["status"]) == ("ContactAdded", "Subscribed")


def test_a_domain_is_suppressed_with_those_who_are_there_and_those_to_come(
    api: Caller, account: Account
) -> None:
    for name in ("alice@spam.example.com", "bob@example.com"):
        api.json("POST /v2/contacts", {"email": name}, 201)
    assert suppress_domain(account, "@Spam.example.com", NOW) == 1
    assert suppress_domain(account, "spam.example.com", NOW) == 0
    assert api.json("GET /v2/contacts/alice@spam.example.com")["status"] == "DomainSuppression"
    assert api.json("GET /v2/contacts/bob@example.com")["status"] == "Subscribed"
    refused = (400, "Contact is suppressed. ERROR_CONTACT_SUPPRESSED")
    assert api.error("POST /v2/contacts", {"email": "Carol@SPAM.example.com"}) == refused
    bob = api.json("GET /v2/contacts/bob@example.com")["id"]
    assert api.error(f"PUT /v2/contacts/{bob}", {"email": "bob@spam.example.com"}) == refused
    report = api.upload("/v2/contacts/import", "Email\neve@spam.example.com\ndan@example.com\n")
    assert (report["newContacts"], report["domainSuppressed"]) == (1, 1)
    for name in ("alice@spam.example.com", "carol@spam.example.com"):
        body = {"unsubscribedContact": {"email": name}}
        answer = api.json("POST /v2/contacts/resubscribe-with-no-challenge", body)
        assert answer["status"] == "ContactCannotBeUnsuppressed"
    assert allow_domain(account, "spam.example.com")
    api.json("POST /v2/contacts", {"email": "new@spam.example.com"}, 201)
    assert api.json("GET /v2/contacts/alice@spam.example.com")["status"] == "DomainSuppression"


def test_what_is_no_domain_is_refused(account: Account) -> None:
    with pytest.raises(EngageError, match="is not a domain"):
        suppress_domain(account, "spam", NOW)


def test_an_address_is_suppressed_in_every_account_and_in_those_to_come(
    api: Caller, other: Caller, account: Account
) -> None:
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    other.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    assert suppress_everywhere([" Alice@example.com"], NOW) == 2
    for one in (api, other):
        assert one.json("GET /v2/contacts/alice@example.com")["status"] == "SharedSuppression"
    late = create_account("Late", NOW)
    with pytest.raises(EngageError, match="ERROR_CONTACT_SUPPRESSED"):
        save(late, Draft("alice@example.com"), NOW)
