from __future__ import annotations

from typing import Any

import pytest

from usher.engage.contacts.suppress import suppress
from usher.engage.models import Account, Contact
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

ALICE = "/contacts/v3/email/alice@example.com"


def patch(api: Caller, body: dict[str, Any], status: int = 200, path: str = ALICE) -> dict[str, Any]:
    return api.json(f"PATCH {path}", body, status)


@pytest.fixture
def alice(api: Caller) -> dict[str, Any]:
    body = {
        "identifiers": {"email": "Alice@example.com", "mobileNumber": "+44 7123 123123"},
        "dataFields": {"firstName": "Alice"},
        "channelProperties": {"email": {"emailType": "plainText", "optInType": "single"}},
    }
    return patch(api, body, 201)


def test_it_creates_whom_it_does_not_find(api: Caller, alice: dict[str, Any]) -> None:
    assert alice == {
        "contactId": alice["contactId"],
        "status": "subscribed",
        "created": alice["created"],
        "updated": alice["updated"],
        "identifiers": {"email": "Alice@example.com", "mobileNumber": "447123123123"},
        "dataFields": {
            "FIRSTNAME": "Alice",
            "LASTNAME": None,
            "FULLNAME": None,
            "GENDER": None,
            "POSTCODE": None,
        },
        "channelProperties": {
            "email": {"emailType": "PlainText", "optInType": "Single", "status": "subscribed"},
            "sms": {"countryCode": "GB", "status": "noSubscription"},
        },
        "lists": [],
        "consentRecords": [],
    }


def test_it_creates_from_the_path_alone(api: Caller) -> None:
    assert patch(api, {}, 201)["identifiers"] == {"email": "alice@example.com"}
    assert patch(api, {}, 200)["identifiers"] == {"email": "alice@example.com"}


@pytest.mark.parametrize(
    "path",
    ["email/ALICE@example.com", "contactId/{id}", "mobileNumber/447123123123", "MobileNumber/+447123123123"],
)
def test_any_identifier_finds_the_contact(api: Caller, alice: dict[str, Any], path: str) -> None:
    full = f"/contacts/v3/{path.format(id=alice['contactId'])}"
    assert api.json(f"GET {full}") == alice
    assert patch(api, {"dataFields": {"gender": "f"}}, path=full)["contactId"] == alice["contactId"]


def test_nobody_is_not_found(api: Caller) -> None:
    assert api.json("GET /contacts/v3/email/nobody@example.com", status=404) == {
        "errorCode": "contacts:contactNotFound",
        "description": "The following contacts could not be found",
        "details": [{"item": "nobody@example.com", "description": "Not found using the identifier 'email'"}],
    }


@pytest.mark.parametrize(
    "path", ["email/123646", "contactId/abc", "mobileNumber/12", "shoe/5", "contactId/-1"]
)
def test_a_value_that_is_no_such_identifier_is_refused(api: Caller, path: str) -> None:
    kind, value = path.split("/")
    assert api.json(f"GET /contacts/v3/{path}", status=400) == {
        "errorCode": "contacts:invalidId",
        "description": f"The id value '{value}' is invalid for the identifier '{kind}'",
    }


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("", {"FIRSTNAME": "New", "GENDER": "f"}),
        ("?merge-option=overwrite", {"FIRSTNAME": "New", "GENDER": "f"}),
        ("?merge-option=overwrite-if-not-empty", {"FIRSTNAME": "New", "LASTNAME": "Old", "GENDER": "f"}),
        ("?mergeOption=overwriteIfEmpty", {"FIRSTNAME": "Alice", "LASTNAME": "Old", "GENDER": "f"}),
    ],
)
def test_the_merge_option_says_who_wins(
    api: Caller, alice: dict[str, Any], option: str, expected: dict[str, str]
) -> None:
    patch(api, {"dataFields": {"LASTNAME": "Old"}})
    patch(api, {"dataFields": {"FIRSTNAME": "New", "lastName": None, "Gender": "f"}}, path=ALICE + option)
    assert Contact.objects.get().data == expected


def test_it_renames_and_refuses_an_address_that_another_has(api: Caller, alice: dict[str, Any]) -> None:
    patch(api, {}, 201, "/contacts/v3/email/bob@example.com")
    refused = patch(api, {"identifiers": {"email": "Bob@example.com"}}, 409)
    assert refused["errorCode"] == "contacts:idAlreadyExists"
    renamed = patch(api, {"identifiers": {"email": "alicia@example.com"}})
    assert (renamed["contactId"], renamed["identifiers"]["email"]) == (
        alice["contactId"],
        "alicia@example.com",
    )


def test_lists_are_joined_and_an_unknown_one_changes_nothing(api: Caller) -> None:
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    refused = patch(api, {"lists": [book, 4711]}, 400)
    assert refused["errorCode"] == "contacts:listNotFound"
    assert not Contact.objects.exists()
    assert patch(api, {"lists": [str(book)]}, 201)["lists"] == [
        {"id": book, "name": "News", "status": "subscribed"}
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"dataFields": {"NOPE": 1}}, "contacts:dataFieldNotFound"),
        ({"dataFields": {"FIRSTNAME": ["x"]}}, "contacts:invalidDataField"),
        ({"dataFields": []}, "contacts:invalidRequest"),
        ({"identifiers": {"email": "nobody"}}, "contacts:invalidId"),
        ({"identifiers": {"mobileNumber": "12"}}, "contacts:invalidId"),
        ({"channelProperties": {"email": {"status": "hardBounced"}}}, "contacts:invalidRequest"),
        ({"channelProperties": {"email": {"optInType": "perhaps"}}}, "contacts:invalidRequest"),
        ({"lists": 5}, "contacts:invalidRequest"),
    ],
)
def test_it_refuses_what_does_not_fit(api: Caller, body: dict[str, Any], code: str) -> None:
    refused = patch(api, body, 400)
    assert refused["errorCode"] == code
    assert refused["description"]
    assert not Contact.objects.exists()


def test_a_body_that_is_no_json_is_refused(api: Caller) -> None:
    answer = api(f"PATCH {ALICE}", "{")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "contacts:badJson")


def wish(status: str, **more: Any) -> dict[str, Any]:
    return {"channelProperties": {"email": {"status": status, **more}}}


def test_a_patch_revives_nobody_unless_it_says_so(api: Caller, alice: dict[str, Any]) -> None:
    assert patch(api, wish("unsubscribed"))["status"] == "unsubscribed"
    changed = patch(api, {"dataFields": {"firstName": "Still here"}})
    assert (changed["status"], changed["dataFields"]["FIRSTNAME"]) == ("unsubscribed", "Still here")
    assert (
        patch(api, wish("subscribed", resubscribeOptions={"resubscribeWithNoChallenge": False}))["status"]
        == "unsubscribed"
    )
    back = patch(api, wish("Subscribed", resubscribeOptions={"resubscribeWithNoChallenge": True}))
    assert back["channelProperties"]["email"]["status"] == "subscribed"
    assert patch(api, wish("suppressed"))["status"] == "suppressed"
    assert patch(api, wish("subscribed"))["status"] == "subscribed"


def test_not_even_then_out_of_a_complaint(api: Caller, account: Account, alice: dict[str, Any]) -> None:
    suppress(account, ["alice@example.com"], Status.ISP_COMPLAINED, "feedback loop", NOW)
    shown = patch(api, wish("subscribed"))
    assert (shown["status"], shown["channelProperties"]["email"]["status"]) == ("suppressed", "ispComplained")


def test_a_suppressed_stranger_is_created_as_what_it_is(api: Caller, account: Account) -> None:
    suppress(account, ["alice@example.com"], Status.HARD_BOUNCED, "smtp 550", NOW)
    shown = patch(api, {}, 201)
    assert shown["channelProperties"]["email"]["status"] == "hardBounced"
    assert Contact.objects.get().status == "HardBounced"


def test_a_deleted_contact_is_not_shown_and_comes_back_by_a_patch(api: Caller, alice: dict[str, Any]) -> None:
    api(f"DELETE /v2/contacts/{alice['contactId']}")
    assert api(f"GET {ALICE}").status_code == 404
    assert patch(api, {}, 201)["contactId"] == alice["contactId"]
    assert Contact.objects.get().status == "Subscribed"


def test_what_no_service_has_is_not_found(api: Caller) -> None:
    assert api.json("GET /events/v3/shoes", status=404)["errorCode"] == "events:invalidRequest"
