"""What integrators send by mistake: refused in words that name the field, with the published token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from usher.engage.api.problems import not_offered
from usher.engage.api.v3.wording import worded_by
from usher.engage.contacts import erased
from usher.engage.contacts.suppress import suppress
from usher.engage.models import Account, Contact, Membership, Message
from usher.engage.models.contacts import Status
from usher.engage.privacy import erase_address
from usher.engage.segments.edit import create_segment
from usher.engage.tests.conftest import NOW, Caller
from usher.lib import clock

pytestmark = [pytest.mark.django_db]
MAIL = {
    "name": "Miss you",
    "subject": "We miss you",
    "fromName": "Shop",
    "htmlContent": '<a href="http://$UNSUB$">leave</a>',
    "plainTextContent": "leave: http://$UNSUB$",
}


def made(api: Caller, email: str) -> int:
    return int(api.json("POST /v2/contacts", {"email": email}, 201)["id"])


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /V2/contacts", 404),
        ("GET /v2/nothing/at/all", 404),
        ("POST /V2", 404),
        ("GET /orders/v3/1", 404),
        ("GET /Contacts/V3", 404),
        ("GET /insightData/v3/import", 404),
        ("GET /CPaaS/messages", 404),
        ("GET /cpaas/nothing", 404),
        ("GET /Engage/V1/trace", 404),
    ],
)
def test_what_looks_like_the_api_answers_json(api: Caller, line: str, status: int) -> None:
    answer = api(line)
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (status, "application/json")
    assert "message" in answer.json() or "errorCode" in answer.json()


@pytest.mark.parametrize("path", ["/v1", "/v1/track", "/v1/a/b/c", "/V1/track", "/v1//identify"])
def test_the_path_of_events_answers_json(path: str) -> None:
    for method in ("GET", "POST"):
        answer = Client().generic(method, path)
        assert (answer.status_code, answer.json()["success"]) == (501, False)


@pytest.mark.parametrize(
    ("line", "body", "message"),
    [
        ("POST /v2/contacts", {"email": 5}, "The Email field is not a text. ERROR_INVALID_EMAIL"),
        ("POST /v2/contacts", {"email": None}, "The Email field is required. ERROR_INVALID_EMAIL"),
        (
            "POST /v2/contacts",
            {"email": "a\0@example.com"},
            "The body has a NUL character. ERROR_MALFORMED_REQUEST",
        ),
        (
            "POST /v2/address-books",
            {"name": "News\nof today"},
            "The Name field is one line, without control characters. ERROR_ADDRESSBOOK_INVALID",
        ),
        ("POST /v2/address-books", {"name": 7}, "The Name field is not a text. ERROR_ADDRESSBOOK_INVALID"),
        ("POST /v2/campaigns", {}, "The Name field is required. ERROR_CAMPAIGN_INVALID"),
        (
            "POST /v2/campaigns",
            {**MAIL, "fromName": ""},
            "The FromName field is required. ERROR_CAMPAIGN_INVALID",
        ),
        (
            "POST /v2/campaigns",
            {**MAIL, "htmlContent": 3},
            "The HtmlContent field is no text. ERROR_CAMPAIGN_INVALID",
        ),
        (
            "GET /v2/campaigns/filtered?~statuses=Unsent,Sended",
            None,
            "~statuses is not one of Unsent, Sending, Sent, Paused, Cancelled, Triggered, "
            "RequiresSystemApproval, RequiresSMSApproval, RequiresWorkflowApproval. ERROR_PARAMETER_INVALID",
        ),
        (
            "GET /v2/campaigns/filtered?~type=Sometimes",
            None,
            "~type is not one of Standard, Triggered. ERROR_PARAMETER_INVALID",
        ),
        (
            "POST /v2/email",
            {"toAddresses": ["a@example.com"] * 101, "subject": "Hi", "plainTextContent": "x"},
            "ToAddresses field has more than 100 addresses. ERROR_PARAMETER_INVALID",
        ),
        (
            "POST /v2/email",
            {"toAddresses": ["a@example.com"], "subject": "Hi", "plainTextContent": 3},
            "The PlainTextContent field is not a text. ERROR_PARAMETER_INVALID",
        ),
    ],
)
def test_a_refusal_names_the_field(api: Caller, line: str, body: Any, message: str) -> None:
    assert api.error(line, body) == (400, message)


def test_statuses_that_are_published_and_never_here_find_nothing(api: Caller) -> None:
    api.json("POST /v2/campaigns", MAIL, 201)
    assert api.json("GET /v2/campaigns/filtered?~statuses=requiressmsapproval") == []
    assert len(api.json("GET /v2/campaigns/filtered?~statuses=UNSENT&~type=standard")) == 1


def test_a_list_keeps_its_name_only_when_it_is_said(api: Caller) -> None:
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    assert api.error(f"PUT /v2/address-books/{book}", {"visibility": "Public"}) == (
        400,
        "The Name field is required. ERROR_ADDRESSBOOK_INVALID",
    )
    assert api.json(f"GET /v2/address-books/{book}")["visibility"] == "Private"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("123456789012345678", 123456789012345678),
        (123456789012345678, 123456789012345678),
        ("-0.000000001", -1e-09),
        (0.1 + 0.2, 0.3),
        ("1.0000000004", 1),
        ("1.50", 1.5),
    ],
)
def test_numbers_are_kept_as_they_were_sent(api: Caller, sent: object, kept: object) -> None:
    api.json("POST /v2/data-fields", {"name": "ORDERS", "type": "Numeric"}, 201)
    body = {"email": "alice@example.com", "dataFields": [{"key": "ORDERS", "value": sent}]}
    api.json("POST /v2/contacts", body, 201)
    assert Contact.objects.get().data == {"ORDERS": kept}


@pytest.mark.parametrize(
    ("sent", "token"),
    [
        ("1234567890123456789", "ERROR_DATAFIELD_VALUE_OVERFLOW"),
        ("123456789012345678.123456789", "ERROR_DATAFIELD_VALUE_OVERFLOW"),
        (1e17, "ERROR_DATAFIELD_VALUE_OVERFLOW"),
        ("٣", "ERROR_DATAFIELD_INVALID"),
        ("１２", "ERROR_DATAFIELD_INVALID"),
    ],
)
def test_numbers_that_could_not_be_kept_so_are_refused(api: Caller, sent: object, token: str) -> None:
    api.json("POST /v2/data-fields", {"name": "ORDERS", "type": "Numeric"}, 201)
    body = {"email": "alice@example.com", "dataFields": [{"key": "ORDERS", "value": sent}]}
    status, message = api.error("POST /v2/contacts", body)
    assert (status, message.endswith(token)) == (400, True)
    assert not Contact.objects.exists()


def test_sends_are_now_or_within_two_years(api: Caller) -> None:
    campaign = api.json("POST /v2/campaigns", MAIL, 201)["id"]
    body = {"campaignId": campaign, "contactIds": [made(api, "alice@example.com")]}
    for date, message in (
        ("9999-12-31T23:59:59Z", "The SendDate is more than two years from now."),
        ("2026-13-01", "'2026-13-01' is not a date."),
        ("2026-12-01T09:00:00+25:00", "'2026-12-01T09:00:00+25:00' is not a date."),
        ("2026-12-01T09:00 Europe/Rome", "'2026-12-01T09:00 Europe/Rome' is not a date."),
        ("soon", "'soon' is not a date."),
    ):
        status, said = api.error("POST /v2/campaigns/send", body | {"sendDate": date})
        assert (status, said.startswith(message)) == (400, True), said
    later = (clock.now() + timedelta(days=700)).isoformat()
    assert api.json("POST /v2/campaigns/send", body | {"sendDate": later}, 202)["status"] == "Scheduled"


def test_a_date_long_past_means_now(api: Caller) -> None:
    campaign = api.json("POST /v2/campaigns", MAIL, 201)["id"]
    body = {"campaignId": campaign, "contactIds": [made(api, "alice@example.com")]}
    body |= {"sendDate": "0001-01-01T00:00:00Z"}
    assert api.json("POST /v2/campaigns/send", body, 202)["status"] in ("NotSent", "Sending")


def test_a_collection_is_not_imported_into_a_segment(api: Caller, account: Account) -> None:
    segment = create_segment(account, "Anna", 'FIRSTNAME = "Anna"', NOW)
    body = {"addressBookIds": [segment.pk], "contacts": [{"email": "alice@example.com"}]}
    assert api.error("POST /v2/contacts/import-collection", body) == (
        400,
        "Address book cannot be written to via the API. ERROR_ADDRESSBOOK_NOTWRITABLE",
    )


def test_a_contact_may_take_the_address_of_one_in_the_recycle_bin(api: Caller) -> None:
    alice, bob = made(api, "alice@example.com"), made(api, "bob@example.com")
    api(f"DELETE /v2/contacts/{bob}")
    changed = api.json(f"PUT /v2/contacts/{alice}", {"email": "Bob@example.com"})
    assert (changed["id"], changed["email"]) == (alice, "Bob@example.com")
    binned = Contact.objects.get(pk=bob)
    assert (binned.status, binned.email, binned.email_key, binned.data) == ("Deleted", "", None, {})
    made(api, "carol@example.com")
    assert api.error(f"PUT /v2/contacts/{alice}", {"email": "carol@example.com"})[0] == 400


def test_version_3_takes_addresses_and_numbers_out_of_the_recycle_bin_too(api: Caller) -> None:
    body = {"identifiers": {"email": "bob@example.com", "mobileNumber": "447700900123"}}
    bob = api.json("POST /contacts/v3", body, 201)["contactId"]
    alice = api.json("POST /contacts/v3", {"identifiers": {"email": "alice@example.com"}}, 201)["contactId"]
    api(f"DELETE /contacts/v3/contactId/{bob}")
    number = {"identifiers": {"mobileNumber": "447700900123"}}
    changed = api.json("PATCH /contacts/v3/email/alice@example.com", number)
    assert (changed["contactId"], changed["identifiers"]["mobileNumber"]) == (alice, "447700900123")
    assert Contact.objects.get(pk=bob).email_key is None


def test_nobody_is_renamed_to_an_erased_address(api: Caller, account: Account) -> None:
    alice, _ = made(api, "alice@example.com"), made(api, "bob@example.com")
    erase_address(account, "bob@example.com", "test", NOW)
    status, message = api.error(f"PUT /v2/contacts/{alice}", {"email": "bob@example.com"})
    assert (status, message.endswith("ERROR_CONTACT_SUPPRESSED")) == (400, True)
    assert erased.digests("bob@example.com")


def test_version_3_writes_what_is_said_of_people_who_left_and_mails_them_nothing(
    api: Caller, account: Account
) -> None:
    """Data, lists and preferences are kept for the day on which they come back; the status stays."""
    alice = made(api, "alice@example.com")
    news = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "test", NOW)
    body = {"dataFields": {"firstName": "Alice"}, "lists": [news]}
    shown = api.json("PATCH /contacts/v3/email/alice@example.com", body)
    assert (shown["status"], shown["dataFields"]["FIRSTNAME"]) == ("unsubscribed", "Alice")
    assert Membership.objects.get().contact_id == alice
    assert api.json(f"GET /v2/address-books/{news}/contacts") == []
    assert not Message.objects.exists()


def test_an_error_of_version_3_says_what_its_code_means() -> None:
    assert worded_by("configuration")(not_offered()) == {
        "errorCode": "configuration:featureNotActive",
        "description": "This feature is not active on the account",
    }
    assert worded_by("marketingEmail")(not_offered())["errorCode"] == "marketingEmail:forbidden"
