"""Texts over version 2: one to a number, and campaigns of them."""

from __future__ import annotations

from typing import Any

import pytest

from usher.engage.models import Account, Contact, TextCampaign, TextMessage
from usher.engage.tests.conftest import NOW, Caller


@pytest.mark.parametrize("number", ["447123123123", "+447123123123", "00447123123123", "+44%207123%20123123"])
def test_a_text_to_a_number_is_taken(api: Caller, number: str) -> None:
    answer = api(f"POST /v2/sms-messages/send-to/{number}", {"Message": "Doors at 7"})
    assert (answer.status_code, answer.content) == (204, b"")
    row = TextMessage.objects.get()
    assert (row.number, row.body, row.route, row.state) == (
        "447123123123",
        "Doors at 7",
        "marketing",
        "queued",
    )


@pytest.mark.parametrize(
    ("number", "body", "token"),
    [
        ("07123123123", {"message": "x"}, "ERROR_SMS_INVALIDPHONENUMBER"),
        ("alice", {"message": "x"}, "ERROR_SMS_INVALIDPHONENUMBER"),
        ("447123123123", {}, "ERROR_SMS_INVALID"),
        ("447123123123", {"message": " "}, "ERROR_SMS_INVALID"),
        ("447123123123", {"message": 7}, "ERROR_SMS_INVALID"),
        ("447123123123", {"message": "x" * 1601}, "ERROR_SMS_INVALID"),
    ],
)
def test_what_cannot_be_sent_is_refused(api: Caller, number: str, body: Any, token: str) -> None:
    status, message = api.error(f"POST /v2/sms-messages/send-to/{number}", body)
    assert (status, message.split()[-1]) == (400, token)
    assert TextMessage.objects.count() == 0


def test_who_opted_out_of_texts_gets_none(api: Caller, other: Caller, account: Account) -> None:
    times = {"status_at": NOW, "created_at": NOW, "updated_at": NOW}
    Contact.objects.create(account=account, mobile_number="447123123123", sms_status="Unsubscribed", **times)
    status, message = api.error("POST /v2/sms-messages/send-to/447123123123", {"message": "Sale"})
    assert (status, message.split()[-1]) == (400, "ERROR_SMS_SENDNOTPERMITTED")
    assert other("POST /v2/sms-messages/send-to/447123123123", {"message": "Sale"}).status_code == 204


def test_campaigns_are_made_changed_copied_and_deleted(api: Caller, other: Caller) -> None:
    body = {
        "name": "Autumn",
        "message": "New season",
        "sendingIdentity": "Opera",
        "toggleShortLinks": "false",
    }
    made = api.json("POST /v2/sms/campaigns", body, 201)
    path = f"/v2/sms/campaigns/{made['id']}"
    assert made == {
        "id": made["id"],
        "name": "Autumn",
        "message": "New season",
        "sendingIdentityId": 0,
        "sendingIdentity": "Opera",
        "toggleShortLinks": False,
        "status": "Unsent",
    }
    assert api.json(f"GET {path}") == made
    assert api.json("GET /v2/sms/campaigns") == [made | {"message": ""}]
    assert api.json(f"PUT {path}", body | {"message": "Soon"})["message"] == "Soon"
    copied = api.json(
        "POST /v2/sms/campaigns/copy", {"campaignId": str(made["id"]), "copyName": "Winter"}, 201
    )
    assert (copied["name"], copied["message"], copied["status"]) == ("Winter", "Soon", "Unsent")
    assert other.json("GET /v2/sms/campaigns") == []
    assert other.error(f"GET {path}") == (404, "Error: ERROR_CAMPAIGN_NOT_FOUND")
    assert api(f"DELETE {path}").status_code == 204
    assert api.error(f"GET {path}")[0] == 404
    assert api.error("POST /v2/sms/campaigns/copy", {"campaignId": made["id"], "copyName": "x"})[0] == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "The Name field is required.The Message field is required. ERROR_SMS_INVALID"),
        (
            {"name": "x" * 256, "message": "m"},
            "The Name field has more than 255 characters. ERROR_SMS_INVALID",
        ),
        ({"name": "n", "message": "m", "sendingIdentity": "x" * 16}, "ERROR_SMS_INVALID"),
        ({"name": "n", "message": "see http://nowhere", "toggleShortLinks": True}, "ERROR_SMS_INVALID"),
    ],
)
def test_a_campaign_that_cannot_be_used_is_refused(api: Caller, body: Any, said: str) -> None:
    status, message = api.error("POST /v2/sms/campaigns", body)
    assert (status, said in message) == (400, True)


def test_a_campaign_that_was_sent_stays_as_it_is(api: Caller, account: Account) -> None:
    row = TextCampaign.objects.create(
        account=account, name="n", message="m", status="Sent", created_at=NOW, updated_at=NOW
    )
    status, message = api.error(f"PUT /v2/sms/campaigns/{row.pk}", {"name": "n", "message": "other"})
    assert (status, message.split()[-1]) == (400, "ERROR_CAMPAIGN_READONLY")
