"""Version 3: contacts without an address, replaced, deleted and asked; what they have besides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from usher.engage.contacts.suppress import suppress
from usher.engage.models import Account, Confirmation, Contact, Suppression
from usher.engage.models.contacts import Status
from usher.engage.models.lists import ListKind
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

ALICE = "/contacts/v3/email/alice@example.com"
PHONE = "/contacts/v3/mobileNumber/447123123123"
EVIDENCE = {
    "text": "Yes, write to me",
    "dateTimeConsented": "2026-01-26T21:29:00Z",
    "url": "https://example.com/signup",
    "ipAddress": "192.0.2.7",
    "userAgent": "Mozilla/5.0",
}


def email(**channel: Any) -> dict[str, Any]:
    return {"channelProperties": {"email": channel}}


def preference(api: Caller, name: str = "Shoes") -> int:
    body = {"publicName": name, "privateName": f"p-{name}", "isPreference": True}
    return int(api.json("POST /v2/preferences", body)["id"])


def book(api: Caller, name: str = "News") -> int:
    return int(api.json("POST /v2/address-books", {"name": name}, 201)["id"])


def test_a_contact_may_have_only_a_mobile_number(api: Caller) -> None:
    made = api.json("POST /contacts/v3", {"identifiers": {"mobileNumber": "+44 7123 123123"}}, 201)
    assert (made["identifiers"], made["status"], made["channelProperties"]) == (
        {"mobileNumber": "447123123123"},
        "noSubscription",
        {"sms": {"countryCode": "GB", "status": "noSubscription"}},
    )
    assert api.json(f"PATCH {PHONE}", {"channelProperties": {"sms": {"status": "subscribed"}}})["status"] == (
        "subscribed"
    )
    assert Contact.objects.get().sms_status == "Subscribed"
    assert api.json(f"GET /v2/contacts/{made['contactId']}")["email"] == ""
    assert [row["email"] for row in api.json("GET /v2/contacts?withFullData=true")] == [""]


def test_it_gets_an_address_and_the_status_that_the_address_has(api: Caller, account: Account) -> None:
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    api.json(f"PATCH {PHONE}", {}, 201)
    named = api.json(f"PATCH {PHONE}", {"identifiers": {"email": "Alice@example.com"}})
    assert named["identifiers"] == {"email": "Alice@example.com", "mobileNumber": "447123123123"}
    assert named["status"] == "unsubscribed"


def test_an_address_that_comes_later_has_to_be_confirmed_where_all_have_to(
    api: Caller, account: Account
) -> None:
    api.json(f"PATCH {PHONE}", {}, 201)
    Account.objects.filter(pk=account.pk).update(double_opt_in=True)
    named = api.json(f"PATCH {PHONE}", {"identifiers": {"email": "alice@example.com"}})
    assert named["status"] == "pendingOptIn"
    assert Confirmation.objects.filter(kind=Confirmation.Kind.OPT_IN).count() == 1


def test_leaving_without_an_address_holds_for_the_address_that_comes(api: Caller) -> None:
    api.json(f"PATCH {PHONE}", email(status="unsubscribed"), 201)
    named = api.json(f"PATCH {PHONE}", {"identifiers": {"email": "alice@example.com"}})
    assert named["status"] == "unsubscribed"


def test_a_contact_without_an_address_can_be_suppressed(api: Caller) -> None:
    made = api.json(f"PATCH {PHONE}", {"channelProperties": {"sms": {"status": "subscribed"}}}, 201)
    api.json(f"PATCH {ALICE}", {}, 201)
    api.json("PUT /v2/contacts/suppress-contacts", [{"id": made["contactId"]}])
    shown = api.json(f"GET {PHONE}")
    assert (shown["status"], shown["channelProperties"]["sms"]["status"]) == ("suppressed", "suppressed")
    assert api.json(f"GET {ALICE}")["status"] == "subscribed"


def test_creating_refuses_an_identifier_that_somebody_has(api: Caller) -> None:
    api.json("POST /contacts/v3", {"identifiers": {"email": "alice@example.com"}}, 201)
    for identifiers in (
        {"email": "ALICE@example.com"},
        {"email": "alice@example.com", "mobileNumber": "4471231231"},
    ):
        refused = api.json("POST /contacts/v3", {"identifiers": identifiers}, 409)
        assert refused["errorCode"] == "contacts:idAlreadyExists"
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "contacts:invalidRequest"),
        ({"identifiers": {}}, "contacts:invalidId"),
        ({"identifiers": {"email": None}}, "contacts:invalidId"),
        ({"identifiers": {"email": "x"}}, "contacts:invalidId"),
        ({"identifiers": {"email": 5}}, "contacts:invalidId"),
        ([], "contacts:badJson"),
    ],
)
def test_creating_refuses_what_identifies_nobody(api: Caller, body: Any, code: str) -> None:
    assert api.json("POST /contacts/v3", body, 400)["errorCode"] == code


def test_creating_revives_nobody_but_takes_one_out_of_the_recycle_bin(api: Caller, account: Account) -> None:
    body = {"identifiers": {"email": "alice@example.com"}, **email(status="subscribed")}
    made = api.json("POST /contacts/v3", body, 201)
    api(f"DELETE {ALICE}")
    assert api.json("POST /contacts/v3", body, 201)["contactId"] == made["contactId"]
    api(f"DELETE {ALICE}")
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    assert api.json("POST /contacts/v3", body, 201)["status"] == "unsubscribed"


def test_a_number_that_another_has_is_a_conflict_and_changes_nothing(api: Caller) -> None:
    api.json(f"PATCH {PHONE}", {}, 201)
    body = {"identifiers": {"mobileNumber": "447123123123"}, "dataFields": {"FIRSTNAME": "Alice"}}
    assert api.json(f"PATCH {ALICE}", body, 409)["errorCode"] == "contacts:idAlreadyExists"
    assert Contact.objects.count() == 1
    api.json(f"PATCH {ALICE}", {}, 201)
    assert api.json(f"PATCH {ALICE}", body, 409)["errorCode"] == "contacts:idAlreadyExists"
    assert Contact.objects.get(email_key="alice@example.com").data == {}


def test_null_does_not_take_an_identifier_away(api: Caller) -> None:
    api.json(f"PATCH {ALICE}", {"identifiers": {"mobileNumber": "447123123123"}}, 201)
    changed = api.json(f"PATCH {ALICE}", {"identifiers": {"email": None, "mobileNumber": None}})
    assert changed["identifiers"] == {"email": "alice@example.com", "mobileNumber": "447123123123"}


def test_replacing_leaves_no_data_that_is_not_said(api: Caller) -> None:
    news = book(api)
    body = {
        "identifiers": {"mobileNumber": "447123123123"},
        "dataFields": {"FIRSTNAME": "Alice", "GENDER": "f"},
        "lists": [news],
        "consentRecords": [EVIDENCE],
    }
    api.json(f"PATCH {ALICE}", body, 201)
    replaced = api.json(f"PUT {ALICE}", {"identifiers": {}, "dataFields": {"lastname": "Doe"}})
    assert Contact.objects.get().data == {"LASTNAME": "Doe"}
    assert replaced["identifiers"] == {"email": "alice@example.com", "mobileNumber": "447123123123"}
    assert [one["id"] for one in replaced["lists"]] == [news]
    assert len(replaced["consentRecords"]) == 1


def test_replacing_nobody_is_not_found_and_takes_no_consent(api: Caller) -> None:
    assert api.json(f"PUT {ALICE}", {"identifiers": {}}, 404)["errorCode"] == "contacts:contactNotFound"
    api.json(f"PATCH {ALICE}", {}, 201)
    refused = api.json(f"PUT {ALICE}", {"identifiers": {}, "consentRecords": [EVIDENCE]}, 400)
    assert refused["errorCode"] == "contacts:invalidRequest"
    api(f"DELETE {ALICE}")
    assert api(f"PUT {ALICE}", {"identifiers": {}}).status_code == 404


def test_replacing_revives_nobody(api: Caller) -> None:
    api.json(f"PATCH {ALICE}", email(status="unsubscribed"), 201)
    assert (
        api.json(f"PUT {ALICE}", {"identifiers": {"email": "alice@example.com"}})["status"] == "unsubscribed"
    )


def test_deleting_answers_the_id_once(api: Caller) -> None:
    made = api.json(f"PATCH {ALICE}", {}, 201)
    assert api.json(f"DELETE {ALICE}") == {"contactId": made["contactId"]}
    assert api.json(f"DELETE {ALICE}", status=404)["errorCode"] == "contacts:contactNotFound"
    assert not Suppression.objects.exists()


def test_preferences_and_consent_are_kept_and_shown(api: Caller) -> None:
    shoes, hats = preference(api), preference(api, "Hats")
    body = {
        "preferences": [{"id": shoes, "isOptedIn": True}, {"id": hats, "isOptedIn": True}],
        "consentRecords": [EVIDENCE],
    }
    api.json(f"PATCH {ALICE}", body, 201)
    shown = api.json(f"PATCH {ALICE}", {"preferences": [{"id": hats, "isOptedIn": False}]})
    assert shown["preferences"] == [
        {"id": shoes, "isOptedIn": True, "name": "p-Shoes", "publicName": "Shoes", "privateName": "p-Shoes"}
    ]
    record = shown["consentRecords"][0]
    assert record == {
        **EVIDENCE,
        "dateTimeConsented": "2026-01-26T21:29:00.000Z",
        "dateTimeCreated": record["dateTimeCreated"],
    }


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"preferences": [{"id": 4711, "isOptedIn": True}]}, "contacts:preferenceNotFound"),
        ({"preferences": [{"id": 1, "isOptedIn": "x"}]}, "contacts:invalidRequest"),
        ({"consentRecords": [EVIDENCE] * 6}, "contacts:invalidRequest"),
        ({"consentRecords": [EVIDENCE | {"ipAddress": "300.1.1.1"}]}, "contacts:invalidRequest"),
        ({"consentRecords": [EVIDENCE | {"dateTimeConsented": "yesterday"}]}, "contacts:invalidRequest"),
        ({"consentRecords": [{"text": "Yes"}]}, "contacts:invalidRequest"),
        ({"lists": list(range(1, 102))}, "contacts:invalidRequest"),
        (
            email(status="subscribed", resubscribeOptions={"resubscribeWithNoChallenge": 5}),
            "contacts:invalidRequest",
        ),
        (email(resubscribeOptions={"redirectUrlAfterChallenge": "javascript:1"}), "contacts:invalidRequest"),
    ],
)
def test_what_does_not_fit_changes_nothing(api: Caller, said: dict[str, Any], code: str) -> None:
    assert api.json(f"PATCH {ALICE}", said, 400)["errorCode"] == code
    assert not Contact.objects.exists()


def test_nobody_is_put_on_a_segment(api: Caller, account: Account) -> None:
    segment = account.lists.create(name="Readers", kind=ListKind.SEGMENT, created_at=NOW)
    assert api.json(f"PATCH {ALICE}", {"lists": [segment.pk]}, 400)["errorCode"] == "contacts:listNotWritable"
    assert not Contact.objects.exists()


def test_an_opt_out_of_a_list_stays(api: Caller) -> None:
    news = book(api)
    api.json(f"PATCH {ALICE}", {"lists": [news]}, 201)
    api.json(f"POST /v2/address-books/{news}/contacts/unsubscribe", {"email": "alice@example.com"})
    refused = api.json(f"PATCH {ALICE}", {"lists": [news], **email(status="subscribed")}, 400)
    assert refused["errorCode"] == "contacts:contactSuppressedForList"
    assert api.json(f"GET {ALICE}")["lists"][0]["status"] == "suppressed"


def test_a_challenge_is_mailed_and_the_contact_waits_for_the_click(api: Caller) -> None:
    api.json(f"PATCH {ALICE}", email(status="unsubscribed"), 201)
    options = {"resubscribeWithNoChallenge": False, "redirectUrlAfterChallenge": "https://example.com/back"}
    shown = api.json(f"PATCH {ALICE}", email(status="subscribed", resubscribeOptions=options))
    assert shown["status"] == "unsubscribed"
    asked = Confirmation.objects.get()
    assert (asked.kind, asked.return_url) == ("resubscribe", "https://example.com/back")


def test_an_account_that_asks_everybody_asks_who_comes_back(api: Caller, account: Account) -> None:
    api.json(f"PATCH {ALICE}", email(status="unsubscribed"), 201)
    Account.objects.filter(pk=account.pk).update(double_opt_in=True)
    options = {"resubscribeWithNoChallenge": True}
    shown = api.json(f"PATCH {ALICE}", email(status="subscribed", resubscribeOptions=options))
    assert shown["status"] == "unsubscribed"
    assert Confirmation.objects.count() == 1


def test_subscribed_does_not_spare_the_confirmation_of_a_verified_double_opt_in(api: Caller) -> None:
    said = email(optInType="verifiedDouble", status="subscribed")
    assert api.json(f"PATCH {ALICE}", said, 201)["status"] == "pendingOptIn"
    assert api.json(f"PATCH {ALICE}", said)["status"] == "pendingOptIn"
    assert Confirmation.objects.count() == 1


def test_accounts_do_not_see_each_others_contacts(api: Caller, other: Caller) -> None:
    made = api.json(f"PATCH {ALICE}", {"identifiers": {"mobileNumber": "447123123123"}}, 201)
    for path in (ALICE, PHONE, f"/contacts/v3/contactId/{made['contactId']}"):
        assert other(f"GET {path}").status_code == 404
        assert other(f"DELETE {path}").status_code == 404
    refused = other.json(f"PATCH /contacts/v3/contactId/{made['contactId']}", {"lists": [book(api)]}, 400)
    assert refused["errorCode"] == "contacts:listNotFound"
    assert other.json(f"PATCH {PHONE}", {}, 201)["contactId"] != made["contactId"]


@pytest.mark.django_db(transaction=True)
def test_the_same_number_from_eight_callers_at_once_is_one_contact(api: Caller) -> None:
    def call(place: int) -> int:
        try:
            return api(f"PATCH {PHONE}", {"dataFields": {"FIRSTNAME": str(place)}}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(call, range(8))) == [200] * 7 + [201]
    assert Contact.objects.count() == 1


def test_a_patch_of_an_id_that_nobody_has_finds_nobody(api: Caller) -> None:
    answer = api("PATCH /contacts/v3/contactId/987654", {"dataFields": {"FIRSTNAME": "Ann"}})
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "contacts:contactNotFound")
