from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from usher.engage.happenings import forgetting, push, tasks
from usher.engage.happenings.tests.conftest import Receiver
from usher.engage.messages import letters
from usher.engage.models import (
    Account,
    Contact,
    Happening,
    InboundText,
    Letter,
    Message,
    TextMessage,
    Webhook,
    WebhookState,
)
from usher.engage.privacy import erase
from usher.engage.tests.conftest import NOW, Caller
from usher.engage.tracking import record as tracking
from usher.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def hook(api: Caller, url: str, *types: str, **more: Any) -> dict[str, Any]:
    body = {"name": "crm", "url": url, "subscriptions": [{"type": one, "filters": []} for one in types]}
    return dict(api.json("POST /cpaas/webhooks", body | more, 201))


def text(api: Caller, number: str = "447123123123", **more: Any) -> str:
    body = {"to": {"phoneNumber": number}, "body": "Hi", "rules": ["sms"], **more}
    return str(api.json("POST /cpaas/messages", body, 201)["messageId"])


def tell(api: Caller, message: str, status: str, **more: Any) -> None:
    api.json(f"POST /cpaas/messages/{message}/statuses/{status}", {"channel": "sms", **more})


def run(now: datetime | None = None) -> dict[str, int]:
    """At this moment; what became of the happenings, without what became of none."""
    done, _ = push.run(lambda: now or clock.now())
    return dict(+done)


def bodies(receiver: Receiver) -> list[Any]:
    return [json.loads(body) for _, body, _ in receiver.calls]


def names(receiver: Receiver) -> list[str]:
    return [body["name"] for body in bodies(receiver)]


def test_receipts_of_texts_are_pushed_in_order_and_signed(api: Caller, receiver: Receiver) -> None:
    hook(api, f"{receiver.url}/hook?key=1", secret="f946b0e7-5fe9-4f57")
    message = text(api, metadata={"Order": 7})
    assert (run(), receiver.calls) == ({}, [])
    for status in ("sent", "delivered", "read", "delivered"):
        tell(api, message, status)
    assert tasks.due(clock.now())
    assert run() == {"taken": 3}
    assert names(receiver) == ["message.sent", "message.delivered", "message.read"]
    assert not tasks.due(clock.now())
    path, body, headers = receiver.calls[0]
    assert path == "/hook?key=1"
    assert headers["X-Comapi-Signature"] == hmac.new(b"f946b0e7-5fe9-4f57", body, hashlib.sha1).hexdigest()
    told = json.loads(body)
    assert set(told) == {
        *("eventId", "accountId", "apiSpaceId", "name", "payload", "revision", "etag", "timestamp")
    }
    payload = told["payload"]
    assert (payload["id"], payload["to"]) == (message, {"phoneNumber": "447123123123"})
    assert (payload["metadata"], payload["details"]["channel"]) == ({"Order": 7}, "sms")
    assert run() == {}


def test_what_came_in_is_pushed(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url, "message.inbound")
    sent = {"channel": "sms", "from": {"phoneNumber": "447123123123"}, "body": "Hello", "metadata": {"A": 1}}
    message = api.json("POST /cpaas/messages/inbounds", sent, 201)
    assert (message["status"], message["body"], message["metadata"]) == ("received", "Hello", {"A": 1})
    assert run() == {"taken": 1}
    [told] = bodies(receiver)
    assert told["name"] == "message.inbound"
    assert told["payload"]["messageId"] == message["messageId"]
    assert told["payload"]["from"] == {"phoneNumber": "447123123123"}
    assert told["payload"]["receivedOn"] == message["receivedOn"]


def test_transactional_mails_are_pushed_and_campaigns_are_not(
    api: Caller, account: Account, receiver: Receiver
) -> None:
    hook(api, receiver.url)
    campaign = account.campaigns.create(name="Spring", created_at=NOW, updated_at=NOW)
    contact = Contact.objects.create(
        account=account, email="a@example.com", created_at=NOW, updated_at=NOW, status_at=NOW
    )
    Message.objects.create(account=account, campaign=campaign, contact=contact, queued_at=NOW, due_at=NOW)
    letter = Letter(
        account=account,
        to=["bob@example.com"],
        subject="Order",
        text="x",
        metadata='{"a": 1}',
        created_at=NOW,
    )
    letters.send([(letter, ())], NOW)
    Message.objects.update(state="sent", sent_at=NOW)
    mail = Message.objects.get(letter=letter)
    for _ in range(2):
        tracking.opened(mail.pk, tracking.Visitor(None, ""), NOW)
    assert run() == {"taken": 3}
    assert names(receiver) == ["message.sent", "message.delivered", "message.read"]
    payload = bodies(receiver)[0]["payload"]
    assert (payload["to"], payload["metadata"]) == ({"email": "bob@example.com"}, {"a": 1})


def test_a_filter_goes_by_channel(api: Caller, receiver: Receiver) -> None:
    for channel in ("sms", "email"):
        told = [{"type": "message.sent", "filters": [{"name": "channel", "value": channel}]}]
        hook(api, f"{receiver.url}/{channel}", subscriptions=told)
    tell(api, text(api), "sent")
    assert run() == {"taken": 1}
    assert [path for path, _, _ in receiver.calls] == ["/sms"]


def test_a_batch_goes_when_it_is_full_or_has_waited(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url, "message.sent", batch=True, maxBatchSize=2, batchTimeout=30)
    for _ in range(3):
        tell(api, text(api), "sent")
    now = clock.now()
    done, later = push.run(lambda: now)
    assert done == {"taken": 2}
    assert [len(body) for body in bodies(receiver)] == [2]
    assert later == now + 30 * SECOND
    assert run(now + 29 * SECOND) == {}
    assert run(now + 30 * SECOND) == {"taken": 1}


def test_a_failed_call_is_made_again_later_with_the_same_event(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url)
    receiver.answers = [500, 302, 401]
    message = text(api)
    tell(api, message, "sent")
    now = clock.now()
    assert push.run(lambda: now) == ({"put off": 1}, now + 5 * SECOND)
    tell(api, message, "delivered")
    assert run(now + 4 * SECOND) == {}
    assert run(now + 5 * SECOND) == {"put off": 1}
    assert run(now + 15 * SECOND) == {"put off": 1}
    state = WebhookState.objects.get()
    assert (state.failures, state.error) == (3, "answered 401 Unauthorized")
    assert run(now + 45 * SECOND) == {"taken": 2}
    assert names(receiver) == ["message.sent"] * 4 + ["message.delivered"]
    assert len({body["eventId"] for body in bodies(receiver)}) == 2
    state.refresh_from_db()
    assert (state.failures, state.failing_since, state.error) == (0, None, "")


def test_what_a_receiver_cannot_process_is_not_sent_again(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url)
    receiver.answers = [400]
    message = text(api)
    tell(api, message, "delivered")
    assert run() == {"dropped": 1, "taken": 1}
    assert names(receiver) == ["message.sent", "message.delivered"]


def test_after_a_day_what_has_waited_for_a_day_is_given_up(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url)
    tell(api, text(api), "sent")
    now = clock.now()
    receiver.answers = [500, 500, 500]
    assert run(now) == {"put off": 1}
    assert run(now + 23 * HOUR) == {"put off": 1}
    tell(api, text(api), "sent")
    assert run(now + 28 * HOUR) == {"given up": 1}
    assert run(now + 33 * HOUR) == {"taken": 1}


def test_a_dead_receiver_stops_nobody_else(api: Caller, receiver: Receiver) -> None:
    hook(api, "http://127.0.0.1:9/dead")
    hook(api, f"{receiver.url}/alive")
    hook(api, "http://[nonsense")
    tell(api, text(api), "delivered")
    assert run() == {"taken": 2, "put off": 2}
    assert [path for path, _, _ in receiver.calls] == ["/alive", "/alive"]


def test_a_killed_sender_posts_again_what_it_could_not_write_down(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url)
    tell(api, text(api), "sent")
    before = WebhookState.objects.values("after").get()
    run()
    WebhookState.objects.update(**before)
    run()
    first, second = bodies(receiver)
    assert first == second


def test_one_account_is_not_told_of_another(api: Caller, other: Caller, receiver: Receiver) -> None:
    key = hook(other, f"{receiver.url}/other")["id"]
    tell(api, text(api), "sent")
    assert run() == {}
    assert api(f"GET /cpaas/webhooks/{key}").status_code == 404
    assert api.json("GET /cpaas/webhooks") == []


def test_a_deleted_webhook_is_told_nothing(api: Caller, receiver: Receiver) -> None:
    key = hook(api, receiver.url)["id"]
    message = text(api)
    tell(api, message, "sent")
    assert api(f"DELETE /cpaas/webhooks/{key}").status_code == 204
    assert run() == {}
    tell(api, message, "delivered")
    assert Happening.objects.count() == 1
    forgetting.forget(clock.now())
    assert Happening.objects.count() in (0, 1)
    assert api(f"GET /cpaas/webhooks/{key}").status_code == 404
    assert api.json(f"GET /cpaas/webhooks/{key}?includeDeleted=true")["id"] == key
    assert Webhook.objects.get().secret == ""


def test_what_was_pushed_is_forgotten(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url)
    tell(api, text(api), "sent")
    forgetting.forget(clock.now())
    assert Happening.objects.count() == 1
    run()
    forgetting.forget(clock.now())
    assert Happening.objects.count() == 0


def test_of_an_erased_person_nothing_is_pushed_any_more(
    api: Caller, account: Account, receiver: Receiver
) -> None:
    hook(api, receiver.url)
    contact = Contact.objects.create(
        account=account, mobile_number="447123123123", created_at=NOW, updated_at=NOW, status_at=NOW
    )
    sent = {"channel": "sms", "from": {"phoneNumber": "+44 7123 123123"}, "body": "I am Alice"}
    api.json("POST /cpaas/messages/inbounds", sent, 201)
    tell(api, text(api), "sent")
    erase(contact, "page anna", NOW)
    run()
    assert all("447123123123" not in body.decode() for _, body, _ in receiver.calls)
    assert all("Alice" not in body.decode() for _, body, _ in receiver.calls)
    assert InboundText.objects.get().said == {}


@pytest.mark.parametrize("word", ["STOP", "stop.", " Unsubscribe "])
def test_whoever_answers_stop_gets_no_marketing(api: Caller, account: Account, word: str) -> None:
    contact = Contact.objects.create(
        account=account, mobile_number="447123123123", created_at=NOW, updated_at=NOW, status_at=NOW
    )
    sent = {"channel": "sms", "from": {"phoneNumber": "+447123123123"}, "body": f"{word}"}
    api.json("POST /cpaas/messages/inbounds", sent | {"body": "please do not stop"}, 201)
    contact.refresh_from_db()
    assert contact.sms_status == ""
    api.json("POST /cpaas/messages/inbounds", sent, 201)
    contact.refresh_from_db()
    assert contact.sms_status == "Unsubscribed"


def test_a_status_never_goes_back(api: Caller) -> None:
    message = text(api)
    tell(api, message, "delivered", timestamp="2026-03-01T12:00:00Z")
    tell(api, message, "sent")
    tell(api, message, "failed", failureReason="late")
    assert api.json(f"GET /cpaas/messages/{message}")["status"] == "delivered"
    tell(api, message, "read")
    assert api.json(f"GET /cpaas/messages/{message}")["status"] == "read"
    assert TextMessage.objects.get().ask_at is None


def test_what_is_being_handed_over_is_left_alone(api: Caller) -> None:
    message = text(api)
    TextMessage.objects.update(state="claimed")
    assert api(f"POST /cpaas/messages/{message}/statuses/read", {"channel": "sms"}).status_code == 409


def test_an_inbound_message_is_received_delivered_and_read(api: Caller, other: Caller) -> None:
    answered = text(api, metadata={"Order": 7})
    sent = {"channel": "sms", "from": {"phoneNumber": "1"}, "correlation": {"messageId": answered}}
    made = api.json("POST /cpaas/messages/inbounds", sent, 201)
    assert made["correlation"] == {"messageId": answered, "metadata": {"Order": 7}}
    line = f"POST /cpaas/messages/inbounds/{made['messageId']}/statuses"
    told = {"timestamp": "2026-03-01T12:00:00Z"}
    assert api.json(f"{line}/read", told)["status"] == "read"
    assert api.json(f"{line}/delivered", told)["status"] == "read"
    assert api(f"{line}/lost", told).status_code == 400
    assert api(f"{line}/read", {}).status_code == 400
    assert other(f"{line}/read", told).status_code == 404


@pytest.mark.parametrize(
    ("line", "body", "field"),
    [
        ("messages/inbounds", {"from": {"a": "b"}}, "channel"),
        ("messages/inbounds", {"channel": "sms"}, "from"),
        ("messages/inbounds", {"channel": "sms", "from": {"a": "b"}, "to": 5}, "to"),
        (
            "messages/inbounds",
            {"channel": "sms", "from": {"a": "b"}, "correlation": {"messageId": "x"}},
            "correlation.messageId",
        ),
        ("webhooks", {"name": "x", "url": "ftp://example.com"}, "url"),
        ("webhooks", {"name": "", "url": "https://example.com"}, "name"),
        ("webhooks", {"name": "x", "url": "https://example.com", "maxBatchSize": 501}, "maxBatchSize"),
        ("webhooks", {"name": "x", "url": "https://example.com", "batchTimeout": 0}, "batchTimeout"),
        ("webhooks", {"name": "x", "url": "https://example.com", "batch": "yes"}, "batch"),
        ("webhooks", {"name": "x", "url": "https://example.com", "subscriptions": [5]}, "subscriptions"),
        (
            "webhooks",
            {"name": "x", "url": "https://example.com", "subscriptions": [{"type": "profile.create"}]},
            "subscriptions",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    api: Caller, line: str, body: dict[str, Any], field: str
) -> None:
    answer = api.json(f"POST /cpaas/{line}", body, 400)
    assert (answer["errorCode"], answer["validationFailures"][0]["paramName"]) == ("validation", field)


def test_a_webhook_is_changed_as_it_was_seen(api: Caller) -> None:
    made = hook(api, "https://crm.example.com/hook", "message.sent", secret="0123456789abcdef", batch=True)
    assert "secret" not in made
    path = f"/cpaas/webhooks/{made['id']}"
    seen = api(f"GET {path}").headers["ETag"]
    body = {"name": "crm 2", "url": "https://crm.example.com/hook"}
    changed = api(f"PUT {path}", body, HTTP_IF_MATCH=seen)
    assert changed.status_code == 200
    told = json.loads(changed.content)
    assert (told["name"], told["batch"]) == ("crm 2", True)
    assert told["subscriptions"] == [{"type": "message.sent", "filters": []}]
    assert Webhook.objects.get().secret != ""
    assert api(f"PUT {path}", body, HTTP_IF_MATCH=seen).status_code == 412
    assert api(f"DELETE {path}", HTTP_IF_MATCH=seen).status_code == 412
    assert [one["id"] for one in api.json("GET /cpaas/webhooks")] == [made["id"]]


def test_a_client_is_told_what_it_may_ask_for(api: Caller) -> None:
    events = api.json("GET /cpaas/webhooks/availableevents?includeSchemas=true")
    assert {"message.delivered", "message.inbound"} <= {one["type"] for one in events}
    assert events[0]["schema"]["type"] == "object"
    [template] = api.json("GET /cpaas/webhooks/availabletemplates")
    assert set(template["events"]) <= {one["type"] for one in events}


def test_the_job_comes_back_for_what_is_due_soon(api: Caller, receiver: Receiver) -> None:
    hook(api, receiver.url)
    receiver.answers = [500]
    tell(api, text(api), "sent")
    for _ in range(2):
        tasks.push_happenings()
    with connection.cursor() as cursor:
        cursor.execute(
            "select queueing_lock, scheduled_at is not null from procrastinate_jobs"
            " where task_name = 'webhooks' and status = 'todo' order by 2"
        )
        assert ("webhooks later", True) in cursor.fetchall()
    assert len(receiver.calls) == 1
    tasks.hand_on()
    tasks.hand_on()
