"""Texts leave through a real gateway over HTTP; every answer of it ends where it must."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from usher.engage.channels.sms import gateway_from
from usher.engage.channels.texting import Kept
from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact, Suppression, TextMessage
from usher.engage.models.texts import TextRoute
from usher.engage.texts.outbox import Draft, queue, send_marketing
from usher.engage.texts.run import run
from usher.engage.texts.tasks import due
from usher.engage.texts.tests.conftest import NOW, Gateway
from usher.lib.env import SettingError

ALICE, BOB, CAROL = "447000000001", "447000000002", "447000000003"


def person(account: Account, number: str, **fields: Any) -> Contact:
    times = {"status_at": NOW, "created_at": NOW, "updated_at": NOW}
    return Contact.objects.create(account=account, mobile_number=number, **times, **fields)


def go(gateway: Gateway, minutes: float = 0) -> dict[str, int]:
    done = run(lambda: NOW + timedelta(minutes=minutes), gateway_from(gateway.url), chance=lambda: 0.0)
    return {what: count for what, count in done.items() if count}


def text(number: str) -> TextMessage:
    return TextMessage.objects.get(number=number)


def test_a_text_is_handed_over_and_asked_about_until_it_is_delivered(
    account: Account, gateway: Gateway
) -> None:
    queue(account, [Draft(ALICE, "Dörs at 7 🎻", sender="MusicShop"), Draft(BOB, "Doors at 8")], NOW)
    assert due(NOW)
    assert go(gateway) == {"sent": 2}
    assert sorted(gateway.taken, key=lambda form: form["To"]) == [
        {"To": f"+{ALICE}", "From": "MusicShop", "Body": "Dörs at 7 🎻"},
        {"To": f"+{BOB}", "From": "+441234567890", "Body": "Doors at 8"},
    ]
    assert (text(ALICE).state, text(ALICE).gateway_id, text(ALICE).sent_at) == ("sent", f"SM{ALICE}", NOW)
    assert not due(NOW)
    assert due(NOW + timedelta(minutes=1))
    gateway.told = {
        f"SM{ALICE}": {"sid": f"SM{ALICE}", "status": "delivered"},
        f"SM{BOB}": {
            "sid": f"SM{BOB}",
            "status": "undelivered",
            "error_code": 30003,
            "error_message": "Unreachable",
        },
    }
    assert go(gateway, 1) == {"delivered": 1, "failed": 1}
    assert (text(ALICE).state, text(ALICE).ask_at) == ("delivered", None)
    assert (text(BOB).state, text(BOB).code, text(BOB).reply) == ("failed", 30003, "undelivered: Unreachable")
    assert len(gateway.taken) == 2


def test_it_is_asked_more_and_more_rarely_and_not_for_ever(account: Account, gateway: Gateway) -> None:
    queue(account, [Draft(ALICE, "Hello")], NOW)
    go(gateway)
    asked = []
    while (row := text(ALICE)).ask_at:
        asked.append(minutes := (row.ask_at - NOW) / timedelta(minutes=1))
        go(gateway, minutes)
    assert asked[:4] == [1, 2, 4, 8]
    assert len(gateway.asked) == len(asked) < 16
    assert text(ALICE).state == "sent"


def test_each_answer_ends_where_it_must(account: Account, gateway: Gateway) -> None:
    bob = person(account, BOB)
    gateway.answers = {
        "+1": (400, {"code": 21211, "message": "not a number"}),
        f"+{BOB}": (400, {"code": 21610, "message": "unsubscribed"}),
        "+3": (429, {"code": 20429, "message": "too many"}),
        "+4": (500, {}),
        "+5": None,
        "+6": (201, {}),
    }
    queue(account, [Draft(number, "Hello") for number in ("1", BOB, "3", "4", "5", "6", ALICE)], NOW)
    assert go(gateway) == {"failed": 2, "queued": 1, "ambiguous": 3, "sent": 1}
    assert text("1").reply == "not a number"
    assert (text("3").state, text("3").due_at, text("3").attempts) == (
        "queued",
        NOW + timedelta(minutes=5),
        1,
    )
    bob.refresh_from_db()
    assert bob.sms_status == "Unsubscribed"
    gateway.answers = {}
    assert go(gateway, 6) == {"sent": 1}
    # those whose answer was lost were not handed over again
    assert sorted(form["To"] for form in gateway.taken).count("+5") == 1
    assert text("5").state == "ambiguous"


def test_a_gateway_that_is_not_there_is_tried_later_and_given_up_after_a_day(account: Account) -> None:
    nobody = gateway_from("twilio+http://a:b@127.0.0.1:9?from=Shop")
    queue(account, [Draft(f"4470000001{n:02}", "Hello") for n in range(20)], NOW)
    done = run(lambda: NOW, nobody, chance=lambda: 0.0)
    assert done["queued"] == 8
    assert TextMessage.objects.filter(attempts=0, due_at=NOW).count() == 12
    later = NOW + timedelta(days=1)
    TextMessage.objects.filter(attempts=0).delete()
    assert run(lambda: later, nobody, chance=lambda: 0.0)["failed"] == 8
    assert TextMessage.objects.first().reply.startswith("given up: the gateway is out of reach")


def test_a_wrong_password_is_no_fault_of_the_texts(account: Account, gateway: Gateway) -> None:
    queue(account, [Draft(ALICE, "Hello")], NOW)
    wrong = gateway_from(gateway.url.replace("secret", "guess"))
    assert run(lambda: NOW, wrong, chance=lambda: 0.0)["queued"] == 1
    assert text(ALICE).reply == "Authenticate"


def test_what_a_dead_sender_had_is_never_sent_again(account: Account, gateway: Gateway) -> None:
    queue(account, [Draft(ALICE, "Hello")], NOW)
    TextMessage.objects.update(state="claimed")
    assert due(NOW)
    assert go(gateway) == {"ambiguous": 1}
    assert gateway.taken == []


def test_a_lost_text_is_looked_for_at_the_gateway_and_found_once(account: Account, gateway: Gateway) -> None:
    def kept(sid: str, at: str, body: str = "Hello") -> dict[str, Any]:
        return {"sid": sid, "to": f"+{ALICE}", "body": body, "status": "sent", "date_created": at}

    gateway.answers = {f"+{ALICE}": None}
    queue(account, [Draft(ALICE, "Hello"), Draft(ALICE, "Hello")], NOW)
    assert go(gateway) == {"ambiguous": 2}
    gateway.kept = [
        kept("SMold", "Sun, 01 Mar 2026 11:00:00 +0000"),
        kept("SMother", "Sun, 01 Mar 2026 12:00:01 +0000", "Goodbye"),
        kept("SMright", "Sun, 01 Mar 2026 12:00:01 +0000"),
    ]
    assert go(gateway, 1) == {"sent": 1}
    assert sorted(TextMessage.objects.values_list("state", "gateway_id")) == [
        ("ambiguous", ""),
        ("sent", "SMright"),
    ]
    gateway.told = {"SMright": {"sid": "SMright", "status": "delivered"}}
    assert go(gateway, 2) == {"delivered": 1}
    for minutes in (4, 8, 16, 32, 64, 128):
        go(gateway, minutes)
    lost = TextMessage.objects.get(state="ambiguous")
    assert lost.ask_at is None
    assert len(gateway.taken) == 2


def test_a_text_that_is_too_late_expires(account: Account, gateway: Gateway) -> None:
    queue(account, [Draft(ALICE, "Hello", expires_at=NOW + timedelta(minutes=5))], NOW)
    assert go(gateway, 5) == {"expired": 1}
    assert gateway.taken == []


@pytest.mark.parametrize("status", ["Unsubscribed", "Suppressed", "HardBounced"])
def test_who_opted_out_gets_no_marketing_but_what_they_asked_for(
    account: Account, gateway: Gateway, status: str
) -> None:
    person(account, ALICE, sms_status=status)
    with pytest.raises(EngageError, match=f"{status}. ERROR_SMS_SENDNOTPERMITTED"):
        send_marketing(account, ALICE, "Sale", NOW)
    queue(account, [Draft(ALICE, "Your code is 7")], NOW)
    assert go(gateway) == {"sent": 1}


def test_an_opt_out_after_queueing_still_stops_marketing(account: Account, gateway: Gateway) -> None:
    alice = person(account, ALICE, sms_status="Subscribed")
    send_marketing(account, ALICE, "Sale", NOW)
    send_marketing(account, BOB, "Sale", NOW)
    Contact.objects.filter(pk=alice.pk).update(sms_status="Unsubscribed")
    assert go(gateway) == {"skipped": 1, "sent": 1}
    assert (text(ALICE).state, text(ALICE).reply) == ("skipped", "may not be texted: Unsubscribed")
    assert [form["To"] for form in gateway.taken] == [f"+{BOB}"]


@pytest.mark.parametrize(
    ("reason", "permitted"),
    [("Unsubscribed", True), ("HardBounced", True), ("IspComplained", False), ("Suppressed", False)],
)
def test_what_was_said_about_the_address_counts_when_it_is_about_the_person(
    account: Account, reason: str, permitted: bool
) -> None:
    person(account, ALICE, email="a@example.com", email_key="a@example.com")
    Suppression.objects.create(account=account, email_key="a@example.com", reason=reason, at=NOW, source="x")
    if permitted:
        assert send_marketing(account, ALICE, "Sale", NOW).route == TextRoute.MARKETING
    else:
        with pytest.raises(EngageError):
            send_marketing(account, ALICE, "Sale", NOW)


def test_without_a_gateway_texts_are_kept_and_say_so(account: Account) -> None:
    queue(account, [Draft(ALICE, "Hello")], NOW)
    assert run(lambda: NOW, Kept(), chance=lambda: 0.0)["delivered"] == 1
    assert text(ALICE).reply == "kept here and sent to nobody: USHER_SMS_URL names no gateway"


@pytest.mark.parametrize(
    "url", ["", "twilio://", "twilio://a:b@host", "http://a:b@host?from=x", "twilio://a:b@host:x?from=y"]
)
def test_a_wrong_setting_is_named(url: str) -> None:
    with pytest.raises(SettingError, match="USHER_SMS_URL"):
        gateway_from(url)
