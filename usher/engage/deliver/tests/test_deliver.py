"""Mail leaves over real SMTP; every answer of the relay ends where it must."""

from __future__ import annotations

from datetime import timedelta

import pytest

from usher.engage.channels.relay import Relay
from usher.engage.contacts.suppress import suppress
from usher.engage.content import tokens
from usher.engage.deliver.tasks import due
from usher.engage.deliver.tests.conftest import HTML, NOW, People, Post
from usher.engage.messages.identity import message_of
from usher.engage.messages.queue import queue
from usher.engage.models import Account, Campaign, Claim, Contact, Link, Message, Suppression
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState

pytestmark = pytest.mark.django_db


def states() -> dict[str, str]:
    return dict(Message.objects.values_list("contact__data__FIRSTNAME", "state"))


def test_a_personalised_mail_arrives_with_all_its_headers(
    people: People, relay: Relay, post: Post, account: Account
) -> None:
    people("alice")
    done = post.deliver(relay)
    assert (done.sent, done.deferred, done.failed) == (1, 0, 0)
    message = Message.objects.get()
    (mail,) = post.mails()
    leave = f"http://localhost:8000/t/u/{tokens.signed('unsubscribe', message.pk)}"
    assert mail["From"] == "The Music Shop <hello@shop.example>"
    assert mail["To"] == "alice@example.com"
    assert mail["Subject"] == "We miss you, Alice"
    assert mail["Date"].datetime == NOW
    assert mail["List-Unsubscribe"] == f"<{leave}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == f"Music shop <account-{account.pk}.shop.example>"
    assert message_of(mail["Message-ID"]) == message.pk
    html, text = (mail.get_body([kind]).get_content() for kind in ("html", "plain"))
    click = f"http://localhost:8000/t/c/{tokens.signed('click', message.pk, Link.objects.get().pk)}"
    assert f'<a href="{click}">New</a> <a href="{leave}">Leave</a>' in html
    assert "<p>Dear Alice</p>" in html
    assert click in text
    assert leave in text
    assert (message.state, message.sent_at, message.code, message.attempts) == ("sent", NOW, 250, 1)
    (entry,) = post.spool.entries()
    assert message_of(entry.mail_from) == message.pk


def test_nothing_is_sent_twice(people: People, relay: Relay, post: Post) -> None:
    people("alice", "brian")
    post.deliver(relay)
    assert post.deliver(relay).sent == 0
    assert len(post.arrived()) == 2
    assert not due(NOW)
    assert not Claim.objects.filter(settled_at=None).exists()


def test_only_who_may_be_mailed_is_queued(account: Account, campaign: Campaign, people: People) -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    Message.objects.all().delete()
    suppress(account, [bob.email_key], Status.UNSUBSCRIBED, "page", NOW)
    suppress(account, [carol.email_key], Status.HARD_BOUNCED, "smtp", NOW)
    assert queue(campaign, [alice.pk, bob.pk, carol.pk], NOW) == 1
    assert Message.objects.get().contact == alice


def test_whoever_is_suppressed_between_queue_and_claim_is_skipped(
    people: People, relay: Relay, post: Post, account: Account
) -> None:
    _, bob, harry = people("alice", "bob", "harry")
    suppress(account, [bob.email_key], Status.UNSUBSCRIBED, "page", NOW)
    # an address suppressed without its contact knowing
    Suppression.objects.create(
        account=account, email_key=harry.email_key, reason="Suppressed", at=NOW, source="operator"
    )
    done = post.deliver(relay)
    assert (done.sent, done.skipped) == (1, 2)
    assert post.arrived() == ["alice@example.com"]
    assert Message.objects.get(contact=bob).reason == "may not be mailed: Unsubscribed"
    assert states() == {"Alice": "sent", "Bob": "skipped", "Harry": "skipped"}


def test_a_refused_address_is_suppressed_and_a_refused_mail_is_not(
    people: People, relay: Relay, post: Post
) -> None:
    people("alice", "carol", "paul", "peter")
    refuse = {
        "carol@example.com": "550 5.1.1 No such user",
        "paul@example.com": "550 5.7.1 Rejected by policy",
        "peter@example.com": "550 no mailbox here",
    }
    post.behave(refuse=refuse)
    done = post.deliver(relay)
    assert (done.sent, done.bounced, done.failed) == (1, 2, 1)
    assert states() == {"Alice": "sent", "Carol": "bounced", "Paul": "failed", "Peter": "bounced"}
    assert dict(Suppression.objects.values_list("email_key", "source")) == {
        "carol@example.com": "smtp 550 5.1.1",
        "peter@example.com": "smtp 550",
    }
    assert Contact.objects.get(email="carol@example.com").status == Status.HARD_BOUNCED
    carol = Message.objects.get(contact__email="carol@example.com")
    assert (carol.code, "No such user" in carol.reply) == (550, True)
    assert post.deliver(relay).sent == 0


def test_a_deferred_mail_is_tried_again_later_and_later(people: People, relay: Relay, post: Post) -> None:
    people("alice", "brian")
    post.behave(refuse={"alice@example.com": "451 4.2.1 Greylisted"})
    waits = []
    for _ in range(5):
        post.deliver(relay)
        message = Message.objects.get(contact__email="alice@example.com")
        waits.append((message.due_at - post.now) // timedelta(minutes=1))
        post.now = message.due_at
    assert waits == [5, 15, 60, 60, 60]
    assert (message.state, message.attempts, message.code) == ("queued", 5, 451)
    post.behave()
    assert post.deliver(relay).sent == 1
    assert post.arrived() == ["alice@example.com", "brian@example.com"]


def test_it_gives_up_after_three_days(people: People, relay: Relay, post: Post) -> None:
    people("alice")
    post.behave(refuse={"alice@example.com": "451 4.2.1 Greylisted"})
    post.now = NOW + timedelta(days=3)
    assert post.deliver(relay).failed == 1
    assert Message.objects.get().reason == "given up: not taken for 3 days"


def test_a_relay_that_takes_nothing_is_left_alone_and_then_drained(
    people: People, relay: Relay, post: Post
) -> None:
    people(*(f"p{number:03}" for number in range(50)))
    begins, ends = NOW.isoformat(), (NOW + timedelta(hours=24)).isoformat()
    post.behave(defer=[{"from": begins, "until": ends, "reply": "421 4.3.2 Closed today"}])
    tries = 0
    while not post.arrived():
        done = post.deliver(relay, size=10)
        tries += 1
        if done.sent == 0:
            # not one batch more was tried, and everybody waiting can be told why
            assert (done.deferred, done.held) == (10, 40)
            waiting = Message.objects.filter(state="queued", code=421, reply__contains="Closed today")
            assert waiting.filter(attempts=tries, due_at__gt=post.now).count() == 50
            post.now = Message.objects.earliest("due_at").due_at
    assert timedelta(hours=24) <= post.now - NOW < timedelta(hours=25)
    assert tries == 27
    assert len(post.arrived()) == len(set(post.arrived())) == 50


def test_no_relay_at_all_holds_the_queue(people: People, post: Post) -> None:
    people("alice", "brian")
    done = post.deliver(Relay("127.0.0.1", 9, timeout=2), size=1)
    assert (done.deferred, done.held) == (1, 1)
    assert states() == {"Alice": "queued", "Brian": "queued"}
    assert Message.objects.filter(attempts=1, due_at=NOW + timedelta(minutes=5)).count() == 2


def test_chance_spreads_the_attempts(people: People, post: Post) -> None:
    people("alice")
    post.deliver(Relay("127.0.0.1", 9, timeout=2), chance=lambda: 1.0)
    assert Message.objects.get().due_at == NOW + timedelta(minutes=5, seconds=30)


def test_what_cannot_be_rendered_fails_alone(
    people: People, relay: Relay, post: Post, campaign: Campaign
) -> None:
    endless = "{% for a in (1..9999) %}x{% endfor %}"
    broken = "{% if contact.data.firstname == 'Eve' %}" + endless + "{% endif %}"
    Campaign.objects.filter(pk=campaign.pk).update(html=HTML + broken)
    people("alice", "eve")
    done = post.deliver(relay)
    assert (done.sent, done.failed) == (1, 1)
    eve = Message.objects.get(state=MessageState.FAILED)
    assert eve.contact.email == "eve@example.com"
    assert eve.reason.startswith("cannot be rendered: ")


def test_an_address_that_cannot_be_written_fails_alone(people: People, relay: Relay, post: Post) -> None:
    _, odd = people("alice", "odd")
    Contact.objects.filter(pk=odd.pk).update(email="odd@example.com\r\nBcc: all@example.com")
    done = post.deliver(relay)
    assert (done.sent, done.failed) == (1, 1)
    assert post.arrived() == ["alice@example.com"]


def test_an_edited_campaign_is_compiled_anew(
    people: People, relay: Relay, post: Post, campaign: Campaign
) -> None:
    people("alice")
    post.deliver(relay)
    later = NOW + timedelta(hours=1)
    Campaign.objects.filter(pk=campaign.pk).update(subject="Again, @FIRSTNAME@", updated_at=later)
    people("brian")
    post.deliver(relay)
    assert sorted(mail["Subject"] for mail in post.mails()) == ["Again, Brian", "We miss you, Alice"]


def test_batches_follow_each_other_until_the_queue_is_empty(people: People, relay: Relay, post: Post) -> None:
    people(*(f"p{number:03}" for number in range(25)))
    assert post.deliver(relay, size=4).sent == 25
    assert Claim.objects.filter(settled_at=None).count() == 0
    assert len(set(post.arrived())) == 25
