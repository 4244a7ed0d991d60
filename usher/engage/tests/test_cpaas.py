"""The messages API: texts by the fields that its clients send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from usher.engage.models import Account, Contact, TextMessage
from usher.engage.tests.conftest import NOW, Caller

TEXT = {"to": {"phoneNumber": "447123123123"}, "body": "Your code is 7", "rules": ["sms"]}


def test_a_message_is_taken_and_can_be_looked_at(api: Caller, other: Caller) -> None:
    sent = TEXT | {
        "to": {"phoneNumber": "+447123123123"},
        "channelOptions": {"sms": {"from": "MyShop", "allowUnicode": True}},
        "shortenLinks": "on",
        "metadata": {"OrderId": 7},
        "expiresOn": "2030-01-01T10:00:00Z",
    }
    made = api.json("POST /cpaas/messages", sent, 201)
    assert {name: made[name] for name in sent} == sent | {"expiresOn": "2030-01-01T10:00:00.000Z"}
    assert (made["status"], made["statusDetails"]) == ("processing", {})
    assert api.json(f"GET /cpaas/messages/{made['messageId']}") == made
    row = TextMessage.objects.get()
    assert (row.number, row.sender, row.route) == ("447123123123", "MyShop", "transactional")
    assert other(f"GET /cpaas/messages/{made['messageId']}").status_code == 404
    TextMessage.objects.update(state="failed", reply="Unreachable", code=30003)
    failed = api.json(f"GET /cpaas/messages/{made['messageId']}")
    assert (failed["status"], failed["statusDetails"]) == ("failed", {"reason": "Unreachable", "code": 30003})


@pytest.mark.parametrize(
    ("change", "item"),
    [
        ({"to": {"phoneNumber": "07123"}}, "to.phoneNumber"),
        ({"to": {}}, "to"),
        ({"to": {"email": "nobody@example.com"}}, "to"),
        ({"to": "447123123123"}, "to"),
        ({"body": ""}, "body"),
        ({"body": "x" * 2001}, "body"),
        ({"rules": ["whatsApp"]}, "rules"),
        ({"rules": None}, "rules"),
        ({"channelOptions": {"sms": {"from": "ab"}}}, "channelOptions.sms.from"),
        ({"expiresOn": "tomorrow"}, "expiresOn"),
        ({"metadata": "x"}, "metadata"),
        ({"requireOptIn": True}, "requireOptIn"),
    ],
)
def test_what_cannot_be_sent_is_told_by_its_name(api: Caller, change: dict[str, Any], item: str) -> None:
    found = api.json("POST /cpaas/messages", TEXT | change, 400)
    assert found["errorCode"] == "validation"
    assert found["validationFailures"] == [{"paramName": item, "message": found["message"]}]
    assert TextMessage.objects.count() == 0


def test_numbers_beyond_all_measure_are_refused(api: Caller) -> None:
    assert api("POST /cpaas/messages", '{"metadata": {"a": 1e999}}').status_code == 400


def test_somebody_may_be_named_by_address_or_id_and_must_have_opted_in_if_that_is_asked(
    api: Caller, account: Account
) -> None:
    times = {"status_at": NOW, "created_at": NOW, "updated_at": NOW}
    alice = Contact.objects.create(
        account=account, email="a@example.com", email_key="a@example.com", mobile_number="447000000001",
        sms_status="Subscribed", **times,
    )  # fmt: skip
    for to in ({"email": "A@example.com"}, {"profileId": str(alice.pk)}):
        assert api("POST /cpaas/messages", TEXT | {"to": to, "requireOptIn": True}).status_code == 201
    assert set(TextMessage.objects.values_list("number", "contact")) == {("447000000001", alice.pk)}


def test_opting_out_of_marketing_does_not_stop_it(api: Caller, account: Account) -> None:
    times = {"status_at": NOW, "created_at": NOW, "updated_at": NOW}
    Contact.objects.create(account=account, mobile_number="447123123123", sms_status="Unsubscribed", **times)
    assert api("POST /cpaas/messages", TEXT).status_code == 201


def test_a_batch_is_taken_whole_or_not_at_all(api: Caller) -> None:
    found = api.json("POST /cpaas/messages/batch", [TEXT, TEXT | {"body": "Second"}], 202)
    assert [one["index"] for one in found] == [0, 1]
    assert TextMessage.objects.get(pk=found[1]["messageId"]).body == "Second"
    refused = api.json("POST /cpaas/messages/batch", [TEXT, TEXT | {"body": ""}], 400)
    assert refused["validationFailures"][0]["paramName"] == "[1].body"
    assert api("POST /cpaas/messages/batch", []).status_code == 400
    assert TextMessage.objects.count() == 2


def test_a_message_is_taken_back_unless_it_is_being_sent(api: Caller) -> None:
    made = api.json("POST /cpaas/messages", TEXT, 201)
    path = f"/cpaas/messages/{made['messageId']}"
    TextMessage.objects.update(state="claimed")
    assert api(f"DELETE {path}").status_code == 409
    TextMessage.objects.update(state="queued")
    assert api(f"PATCH {path}", {"redact": True}).status_code == 409
    assert api(f"DELETE {path}").status_code == 204
    assert api(f"DELETE {path}").status_code == 404
    assert api(f"GET /cpaas/messages/{uuid4()}").status_code == 404


def test_the_words_of_a_message_are_removed(api: Caller) -> None:
    made = api.json("POST /cpaas/messages", TEXT | {"metadata": {"a": 1}, "title": "Code"}, 201)
    path = f"/cpaas/messages/{made['messageId']}"
    TextMessage.objects.update(state="sent", sent_at=NOW + timedelta(seconds=1))
    assert api(f"PATCH {path}", {}).status_code == 400
    assert api(f"PATCH {path}", {"redact": True}).status_code == 202
    found = api.json(f"GET {path}")
    assert (found["body"], found["metadata"], "title" in found) == ("", {}, False)
    assert found["sentOn"] == "2026-03-01T12:00:01.000Z"
