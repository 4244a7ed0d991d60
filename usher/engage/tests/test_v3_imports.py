"""Version 3: many contacts at once, each with what belongs to it."""

from __future__ import annotations

from typing import Any

import pytest

from usher.engage.contacts.suppress import suppress, suppress_domain
from usher.engage.imports.described.run import run
from usher.engage.models import (
    Account,
    Choice,
    Confirmation,
    Consent,
    Contact,
    Import,
    Membership,
    Message,
    Suppression,
)
from usher.engage.models.contacts import Status
from usher.engage.models.lists import ListKind
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

START = "PUT /contacts/v3/import"
EVIDENCE = {
    "text": "Yes, write to me",
    "dateTimeConsented": "2026-01-26T21:29:00Z",
    "url": "https://example.com/signup",
    "ipAddress": "192.0.2.7",
    "userAgent": "Mozilla/5.0",
}


def person(email: Any = "", match: Any = "email", **more: Any) -> dict[str, Any]:
    identifiers = {"email": email} if email else {}
    return {"matchIdentifier": match, "identifiers": identifiers | more.pop("identifiers", {}), **more}


def mail(**channel: Any) -> Any:
    return {"email": channel}


def imported(api: Caller, *contacts: Any, **body: Any) -> dict[str, Any]:
    """The result of an import; its sums are those of the body."""
    job = api.json(START, {"contacts": contacts, **body}, 202)["importId"]
    assert api.json(f"GET /contacts/v3/import/{job}")["status"] == "NotFinished"
    run(job, NOW)
    result: dict[str, Any] = api.json(f"GET /contacts/v3/import/{job}")
    assert result["status"] == "Finished"
    assert sum(result["summary"].values()) == len(contacts)
    return result


def codes(result: dict[str, Any]) -> list[list[str]]:
    return [[one["failureCode"] for one in failure["failures"]] for failure in result["failures"]]


def test_it_creates_and_updates_and_tells_the_ids(api: Caller) -> None:
    known = api.json("POST /contacts/v3", {"identifiers": {"email": "bob@example.com"}}, 201)["contactId"]
    result = imported(
        api,
        person("Alice@example.com", dataFields={"firstName": "Alice"}),
        person("BOB@example.com", dataFields={"firstName": "Bob"}),
        person(match="mobileNumber", identifiers={"mobileNumber": "+44 7123 123123"}),
    )
    assert result["summary"] == {
        "newContacts": 2,
        "updatedContacts": 1,
        "globallySuppressed": 0,
        "invalidEntries": 0,
        "duplicateIdentifiers": 0,
    }
    alice = Contact.objects.get(email_key="alice@example.com")
    assert (alice.email, alice.data, alice.status) == (
        "Alice@example.com",
        {"FIRSTNAME": "Alice"},
        "Subscribed",
    )
    assert {"contactId": alice.pk, "identifiers": {"email": "Alice@example.com"}} in result["created"]
    assert result["updated"] == [{"contactId": known, "identifiers": {"email": "BOB@example.com"}}]
    assert Contact.objects.get(mobile_number="447123123123").email_key is None


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("overwrite", {"FIRSTNAME": "New", "GENDER": "f"}),
        ("overwriteIfNotEmpty", {"FIRSTNAME": "New", "LASTNAME": "Old", "GENDER": "f"}),
        ("overwrite-if-empty", {"FIRSTNAME": "Alice", "LASTNAME": "Old", "GENDER": "f"}),
    ],
)
def test_the_merge_option_says_who_wins(api: Caller, option: str, expected: dict[str, str]) -> None:
    imported(api, person("alice@example.com", dataFields={"FIRSTNAME": "Alice", "LASTNAME": "Old"}))
    data = {"FIRSTNAME": "New", "lastName": None, "Gender": "f"}
    imported(api, person("alice@example.com", dataFields=data), mergeOption=option)
    assert Contact.objects.get().data == expected


def test_a_new_address_is_asked_anew_and_an_opt_out_goes_along(api: Caller) -> None:
    double = {"channelProperties": {"email": {"optInType": "verifiedDouble"}}}
    first = imported(api, person("a@example.com", **double), person("b@example.com"))
    waits, left = (one["contactId"] for one in first["created"])
    api.json("POST /v2/contacts/unsubscribe", {"email": "b@example.com"})
    options = {"resubscribeWithNoChallenge": False}
    asks = {"channelProperties": {"email": {"status": "subscribed", "resubscribeOptions": options}}}
    imported(
        api,
        person("a2@example.com", "contactId", identifiers={"contactId": waits}),
        person("b2@example.com", "contactId", identifiers={"contactId": left}, **asks),
    )
    assert sorted(Confirmation.objects.values_list("contact__email", "kind")) == [
        ("a2@example.com", "opt in"),
        ("b2@example.com", "resubscribe"),
    ]
    assert Contact.objects.get(email="a2@example.com").status == "PendingOptIn"
    assert sorted(Suppression.objects.values_list("email_key", flat=True)) == [
        "b2@example.com",
        "b@example.com",
    ]


def test_a_contact_is_renamed_by_its_id_or_number_but_takes_nobodys_identifier(api: Caller) -> None:
    first = imported(
        api,
        person("a@example.com", identifiers={"mobileNumber": "447123123123"}),
        person("b@example.com"),
    )
    ids = [one["contactId"] for one in first["created"]]
    result = imported(
        api,
        person("a2@example.com", "mobileNumber", identifiers={"mobileNumber": "447123123123"}),
        person("a2@EXAMPLE.com", "contactId", identifiers={"contactId": ids[1]}),
        person("c@example.com", "contactId", identifiers={"contactId": 999999}),
        person(match="contactId", identifiers={"contactId": ids[1], "mobileNumber": "447123123123"}),
    )
    assert codes(result) == [["Duplicate"], ["InvalidContactId"], ["Duplicate"]]
    assert sorted(Contact.objects.values_list("email", flat=True)) == ["a2@example.com", "b@example.com"]
    again = imported(
        api,
        person("b@example.com"),
        person(match="contactId", identifiers={"contactId": ids[1]}),
        person("a2@example.com", "contactId", identifiers={"contactId": ids[1]}),
    )
    assert codes(again) == [["Duplicate"], ["Duplicate"]]


@pytest.mark.parametrize(
    ("contact", "code"),
    [
        (person("bob@example@io.com"), "InvalidEmail"),
        (person("b@example.com", identifiers={"mobileNumber": "12"}), "InvalidPhoneNumber"),
        (person(match="contactId", identifiers={"contactId": "x"}), "InvalidContactId"),
        (person("b@example.com", "shoe"), "InvalidMatchIdentifier"),
        (person("b@example.com", "mobileNumber"), "NoValidIdentifiers"),
        ({"matchIdentifier": "email"}, "ApiSchemaViolation"),
        (5, "ApiSchemaViolation"),
        (person("b@example.com", dataFields={"NOPE": 1}), "ApiSchemaViolation"),
        (person("b@example.com", dataFields={"FIRSTNAME": "\ud800"}), "ApiSchemaViolation"),
        (person("\udfff@example.com"), "InvalidEmail"),
        (person("b@example.com", lists="x"), "ApiSchemaViolation"),
        (person("b@example.com", channelProperties=mail(status="binned")), "ApiSchemaViolation"),
        (person("ALICE@example.com"), "Duplicate"),
    ],
)
def test_what_cannot_be_taken_is_told_and_the_others_are(api: Caller, contact: Any, code: str) -> None:
    result = imported(api, person("alice@example.com"), contact)
    assert codes(result) == [[code]]
    assert [one["identifiers"] for one in result["created"]] == [{"email": "alice@example.com"}]
    assert Contact.objects.count() == 1


def test_what_belongs_to_a_contact_is_kept(api: Caller, account: Account) -> None:
    news = account.lists.create(name="News", created_at=NOW)
    topic = api.json("POST /v2/preferences", {"publicName": "S", "privateName": "S", "isPreference": True})[
        "id"
    ]
    whole = person(
        "alice@example.com",
        lists=[news.pk],
        preferences=[{"id": topic, "isOptedIn": True}],
        consentRecords=[EVIDENCE],
        channelProperties={
            "email": {"emailType": "plainText", "optInType": "double"},
            "sms": {"status": "subscribed"},
        },
        identifiers={"mobileNumber": "447123123123"},
    )
    for _ in range(2):
        assert codes(imported(api, whole)) == []
    shown = api.json("GET /contacts/v3/email/alice@example.com")
    assert [one["id"] for one in shown["lists"]] == [news.pk]
    assert [one["id"] for one in shown["preferences"]] == [topic]
    assert [one["text"] for one in shown["consentRecords"]] == ["Yes, write to me"]
    assert shown["channelProperties"] == {
        "email": {"emailType": "PlainText", "optInType": "Double", "status": "subscribed"},
        "sms": {"countryCode": "GB", "status": "subscribed"},
    }


def test_a_contact_may_be_taken_and_what_belongs_to_it_not(api: Caller, account: Account) -> None:
    segment = account.lists.create(name="Readers", kind=ListKind.SEGMENT, created_at=NOW)
    news = account.lists.create(name="News", created_at=NOW)
    imported(api, person("left@example.com", lists=[news.pk]))
    Membership.objects.update(unsubscribed_at=NOW)
    result = imported(
        api,
        person("a@example.com", lists=[segment.pk, news.pk]),
        person("b@example.com", preferences=[{"id": 4711, "isOptedIn": True}]),
        person("c@example.com", consentRecords=[EVIDENCE | {"ipAddress": "x"}]),
        person("left@example.com", lists=[news.pk]),
    )
    assert codes(result) == [
        ["InvalidAddressBookIds"],
        ["InvalidPreferenceIds"],
        ["consentRecordsNotApplied"],
        ["InvalidAddressBookIds"],
    ]
    assert (result["summary"]["newContacts"], result["summary"]["updatedContacts"]) == (3, 1)
    assert Membership.objects.filter(unsubscribed_at=None).count() == 1
    assert not Choice.objects.exists()
    assert not Consent.objects.exists()


def test_it_starts_no_join_actions(api: Caller, account: Account) -> None:
    campaign = account.campaigns.create(name="Welcome", subject="Hello", created_at=NOW, updated_at=NOW)
    news = account.lists.create(name="News", join_campaign=campaign, created_at=NOW)
    imported(api, person("alice@example.com", lists=[news.pk]))
    assert Membership.objects.count() == 1
    assert not Message.objects.exists()


def test_it_revives_nobody_who_does_not_ask(api: Caller, account: Account) -> None:
    for place, reason in enumerate([Status.UNSUBSCRIBED, Status.ISP_COMPLAINED, Status.SHARED_SUPPRESSION]):
        suppress(account, [f"{place}@example.com"], reason, "page", NOW)
    suppress_domain(account, "bad.example", NOW)
    back: dict[str, Any] = {"channelProperties": mail(status="subscribed")}
    result = imported(
        api,
        person("0@example.com"),
        person("1@example.com", **back),
        person("2@example.com", **back),
        person("x@bad.example", **back),
    )
    assert codes(result) == [["GloballySuppressed"]] * 3 + [["SuppressedByDomain"]]
    assert not Contact.objects.exists()
    assert imported(api, person("0@example.com", **back))["summary"]["newContacts"] == 1
    assert Contact.objects.get().status == "Subscribed"
    assert not Suppression.objects.filter(email_key="0@example.com", lifted_at=None).exists()


def test_who_asks_with_a_challenge_is_asked_by_mail(api: Caller, account: Account) -> None:
    imported(api, person("alice@example.com"))
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    options = {"resubscribeWithNoChallenge": False}
    said = mail(status="subscribed", resubscribeOptions=options)
    imported(api, person("alice@example.com", channelProperties=said))
    assert Contact.objects.get().status == "Unsubscribed"
    assert Confirmation.objects.get().kind == "resubscribe"


def test_a_verified_double_opt_in_is_asked_for(api: Caller) -> None:
    said = mail(optInType="verifiedDouble", status="subscribed")
    for _ in range(2):
        imported(api, person("alice@example.com", channelProperties=said))
    assert Contact.objects.get().status == "PendingOptIn"
    assert Confirmation.objects.get().kind == "opt in"


def test_who_leaves_is_suppressed(api: Caller) -> None:
    said = mail(status="unsubscribed")
    imported(
        api,
        person("alice@example.com", channelProperties=said),
        person(match="mobileNumber", identifiers={"mobileNumber": "447123123123"}, channelProperties=said),
    )
    assert set(Contact.objects.values_list("status", flat=True)) == {"Unsubscribed"}
    assert Suppression.objects.get().email_key == "alice@example.com"


def test_one_out_of_the_recycle_bin_begins_anew(api: Caller) -> None:
    made = imported(api, person("alice@example.com"))["created"]
    api("DELETE /contacts/v3/email/alice@example.com")
    assert imported(api, person("alice@example.com"))["created"] == made
    assert Contact.objects.get().status == "Subscribed"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "contacts:badJson"),
        ("[]", "contacts:badJson"),
        (
            '{"contacts": [{"matchIdentifier": "email", "identifiers": {"email": "a\\u0000"}}]}',
            "contacts:badJson",
        ),
        ('{"contacts": [NaN]}', "contacts:badJson"),
        ("{}", "contacts:invalidRequest"),
        ('{"contacts": []}', "contacts:invalidRequest"),
        ('{"contacts": [{}], "mergeOption": "perhaps"}', "contacts:invalidRequest"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused(api: Caller, body: str, code: str) -> None:
    assert api.json(START, body, 400)["errorCode"] == code
    assert not Import.objects.exists()


def test_bodies_may_be_larger_than_those_of_other_calls_but_not_endless(api: Caller) -> None:
    blank = " " * (25 * 1024 * 1024)
    body = '{"contacts": [{"matchIdentifier": "email", "identifiers": {"email": "a@example.com"}}]}'
    assert api(START, blank + body).status_code == 202
    assert api(START, 2 * blank + body).status_code == 413


def test_the_twenty_sixth_active_import_waits(api: Caller) -> None:
    body = {"contacts": [person("alice@example.com")]}
    jobs = [api.json(START, body, 202)["importId"] for _ in range(25)]
    assert api.json(START, body, 429)["errorCode"] == "contacts:tooManyActiveImports"
    run(jobs[0], NOW)
    api.json(START, body, 202)


def test_an_import_is_its_accounts_own(api: Caller, other: Caller) -> None:
    job = api.json(START, {"contacts": [person("alice@example.com")]}, 202)["importId"]
    assert other.json(f"GET /contacts/v3/import/{job}", status=404)["errorCode"] == "contacts:importNotFound"
    assert api.json("GET /contacts/v3/import/x1", status=400)["errorCode"] == "contacts:invalidId"


def test_accounts_are_apart(api: Caller, other: Caller, account: Account) -> None:
    made = imported(api, person("alice@example.com"))["created"][0]["contactId"]
    news = account.lists.create(name="News", created_at=NOW)
    result = imported(
        other,
        person("x@example.com", "contactId", identifiers={"contactId": made}),
        person("alice@example.com", lists=[news.pk]),
    )
    assert codes(result) == [["InvalidContactId"], ["InvalidAddressBookIds"]]
    assert Contact.objects.get(pk=made).email == "alice@example.com"
    assert Contact.objects.count() == 2


def test_an_account_that_is_full_takes_no_more(api: Caller, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(limits={"contacts": 1})
    job = api.json(START, {"contacts": [person("a@example.com"), person("b@example.com")]}, 202)["importId"]
    run(job, NOW)
    assert api.json(f"GET /contacts/v3/import/{job}")["status"] == "ExceedsAllowedContactLimit"
    assert not Contact.objects.exists()


def test_what_was_refused_is_kept_for_the_page(api: Caller) -> None:
    imported(api, person("a@example@com"), person("b@example.com"))
    assert list(Import.objects.get().faults.values_list("row", "reason", "values")) == [
        (1, "InvalidEmail", ["email: a@example@com"])
    ]
