"""Letters go to addresses: before campaigns, past opt-outs, and never to whom no mail may go at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client

from usher.engage.channels.relay import Outcome, Relay
from usher.engage.contacts.suppress import suppress
from usher.engage.content import tokens
from usher.engage.deliver import letters as making
from usher.engage.deliver.claim import claim
from usher.engage.deliver.recover import recover
from usher.engage.deliver.tests.conftest import NOW, People, Post
from usher.engage.deliver.verdict import judge
from usher.engage.messages import letters, statistics
from usher.engage.messages.identity import message_of
from usher.engage.messages.mime import File
from usher.engage.models import (
    Account,
    Attachment,
    Campaign,
    Confirmation,
    Contact,
    Letter,
    Link,
    Message,
    SuppressedDomain,
    Suppression,
)
from usher.engage.models.contacts import Status
from usher.engage.privacy import erase_address

Write = Callable[..., Letter]


@pytest.fixture
def write(account: Account) -> Write:
    """A letter put into the outbox."""

    def written(*to: str, files: list[File] | None = None, **fields: Any) -> Letter:
        content = {"subject": "Your order", "html": "<p>Thank you</p>", "text": "Thank you"}
        letter = Letter(account=account, to=list(to), created_at=NOW, **(content | fields))
        letters.send([(letter, files or [])], NOW)
        return letter

    return written


def states() -> dict[str, tuple[str, str]]:
    return {row.to: (row.state, row.reason) for row in Message.objects.all()}


def test_each_recipient_gets_the_same_mail_and_the_hidden_ones_stay_hidden(
    write: Write, relay: Relay, post: Post
) -> None:
    write(
        "alice@example.com",
        "ALICE@example.com",
        "bob@example.com",
        cc=["carol@example.com"],
        bcc=["sam@example.com"],
    )
    assert post.deliver(relay).sent == 4
    assert post.arrived() == ["alice@example.com", "bob@example.com", "carol@example.com", "sam@example.com"]
    for mail in post.mails():
        assert mail["To"] == "alice@example.com, ALICE@example.com, bob@example.com"
        assert mail["Cc"] == "carol@example.com"
        assert mail["Bcc"] is None
        assert mail["List-Unsubscribe"] is None
        assert mail["From"] == "The Music Shop <hello@shop.example>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail.get_body(["plain"]).get_content() == "Thank you"
        message = message_of(mail["Message-ID"])
        assert f"/t/o/{tokens.signed('open', message)}.gif" in mail.get_body(["html"]).get_content()


def test_files_arrive(write: Write, relay: Relay, post: Post) -> None:
    write("alice@example.com", files=[File("ticket.pdf", "application/pdf", b"%PDF-\x00\xff")])
    assert post.deliver(relay).sent == 1
    assert not Attachment.objects.exists()
    (ticket,) = post.mails()[0].iter_attachments()
    assert (ticket.get_filename(), ticket.get_content()) == ("ticket.pdf", b"%PDF-\x00\xff")


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (Status.UNSUBSCRIBED, "queued"),
        (Status.SUPPRESSED, "queued"),
        (Status.HARD_BOUNCED, "skipped"),
        (Status.ISP_COMPLAINED, "skipped"),
        (Status.DIRECT_COMPLAINT, "skipped"),
        (Status.NOT_ALLOWED, "skipped"),
        (Status.SHARED_SUPPRESSION, "skipped"),
        (Status.DOMAIN_SUPPRESSION, "skipped"),
    ],
)
def test_opting_out_of_marketing_stops_no_letter_and_whatever_is_worse_does(
    write: Write, account: Account, reason: Status, state: str
) -> None:
    suppress(account, ["alice@example.com"], reason, "test", NOW)
    write("Alice@example.com")
    told = f"may not be mailed: {reason}" if state == "skipped" else ""
    assert states() == {"Alice@example.com": (state, told)}


def test_a_closed_domain_gets_no_letter(write: Write, account: Account) -> None:
    SuppressedDomain.objects.create(account=account, domain="example.com", at=NOW)
    write("alice@example.com", "bob@sub.example.com")
    assert {to: state for to, (state, _) in states().items()} == {
        "alice@example.com": "skipped",
        "bob@sub.example.com": "queued",
    }


def test_a_complaint_that_comes_after_queueing_still_stops_a_letter(
    write: Write, account: Account, relay: Relay, post: Post
) -> None:
    write("alice@example.com", "bob@example.com")
    suppress(account, ["alice@example.com"], Status.ISP_COMPLAINED, "test", NOW)
    done = post.deliver(relay)
    assert (done.sent, done.skipped) == (1, 1)
    assert post.arrived() == ["bob@example.com"]
    assert states()["alice@example.com"] == ("skipped", "may not be mailed: IspComplained")


def test_another_accounts_suppressions_do_not_count(write: Write, db: None) -> None:
    other = Account.objects.create(name="Another", created_at=NOW)
    suppress(other, ["alice@example.com"], Status.HARD_BOUNCED, "test", NOW)
    write("alice@example.com")
    assert states() == {"alice@example.com": ("queued", "")}


def test_letters_go_before_campaigns(write: Write, people: People, relay: Relay, post: Post) -> None:
    people("a", "b", "c")
    write("alice@example.com")
    first = claim(NOW, 3)
    assert first
    assert [one.email for one in first.messages] == ["alice@example.com"]
    following = claim(NOW, 3)
    assert following
    assert len(following.messages) == 3


def test_files_are_kept_for_those_who_still_wait(write: Write, relay: Relay, post: Post) -> None:
    post.behave(refuse={"bob@example.com": "451 4.2.1 Greylisted"})
    file = File("ticket.pdf", "application/pdf", b"%PDF")
    write("alice@example.com", "bob@example.com", files=[file])
    assert post.deliver(relay).sent == 1
    assert Attachment.objects.count() == 1
    post.behave()
    post.now = NOW + timedelta(minutes=5)
    assert post.deliver(relay).sent == 1
    assert [len(list(mail.iter_attachments())) for mail in post.mails()] == [1, 1]
    assert not Attachment.objects.exists()


def test_queueing_a_letter_again_adds_nothing(write: Write) -> None:
    letter = write("alice@example.com", files=[File("a", "text/plain", b"a")])
    letters.send([(letter, [File("a", "text/plain", b"a")])], NOW)
    assert (Message.objects.count(), letter.attachments.count()) == (1, 1)


def test_a_triggered_campaign_is_filled_and_loses_its_way_out(
    write: Write, campaign: Campaign, relay: Relay, post: Post
) -> None:
    html = (
        "<p>Dear @FIRSTNAME@, @NOTHING@</p>@ROWS@<a href='https://shop.example/o?n=@ORDER_ID@'>Order</a>"
        '<p class="x"><a style="color:red" href="http://$UNSUB$">Leave <b>us</b></a></p>'
    )
    Campaign.objects.filter(pk=campaign.pk).update(html=html)
    values = {"firstname": "Zoë", "ROWS": "<table></table>", "ORDER_ID": "7"}
    write("zoe@example.com", campaign=campaign, values=values)
    assert post.deliver(relay).sent == 1
    (mail,) = post.mails()
    html = mail.get_body(["html"]).get_content()
    assert mail["Subject"] == "We miss you, Zoë"
    assert html.startswith("<p>Dear Zoë, </p><table></table><a href='http://localhost:8000/t/c/")
    assert 'Order</a><p class="x"></p>' in html
    assert "Leave" not in html
    assert "Leave" not in mail.get_body(["plain"]).get_content()
    assert campaign.links.filter(url="https://shop.example/o?n=7").count() == 1


def test_large_letters_are_sent_a_few_at_a_time(
    write: Write, relay: Relay, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "MOST_BYTES", 100_000)
    large = File("a", "application/pdf", b"a" * 60_000)
    for name in "abc":
        write(f"{name}@example.com", files=[large])
    assert post.deliver(relay).sent == 3
    assert post.arrived() == ["a@example.com", "b@example.com", "c@example.com"]
    assert set(Message.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_a_bounced_letter_closes_its_address(write: Write, relay: Relay, post: Post, people: People) -> None:
    people("alice")
    Message.objects.all().delete()
    post.behave(refuse={"Alice@example.com": "550 5.1.1 No such user"})
    write("Alice@example.com")
    assert post.deliver(relay).bounced == 1
    assert Suppression.objects.get().email_key == "alice@example.com"
    assert Contact.objects.get().status == Status.HARD_BOUNCED


def test_a_letter_whose_answer_was_lost_is_sent_again_with_its_message_id(
    write: Write, relay: Relay, post: Post
) -> None:
    outcome = Outcome(1, "unknown", None, "connection lost", "final")
    verdict = judge(outcome, 1, NOW, NOW, 0.0, awaited=True)
    assert (verdict.state, verdict.due_at) == ("queued", NOW + timedelta(minutes=5))
    assert verdict.reason == "the relay's answer was lost: sent again with the same Message-ID"
    write("alice@example.com")
    assert claim(NOW, 10)
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock_all()")
    assert recover(NOW, lambda ids: None) == Counter({"queued": 1, "ambiguous": 0})
    assert post.deliver(relay).sent == 1


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (None, "queued"),
        (Status.UNSUBSCRIBED, "queued"),
        (Status.HARD_BOUNCED, "queued"),
        (Status.ISP_COMPLAINED, "skipped"),
        (Status.SHARED_SUPPRESSION, "skipped"),
    ],
)
def test_who_is_asked_to_confirm(account: Account, people: People, reason: Status | None, state: str) -> None:
    (alice,) = people("alice")
    if reason:
        suppress(account, ["alice@example.com"], reason, "test", NOW)
    asked = Confirmation.objects.create(contact=alice, kind=Confirmation.Kind.RESUBSCRIBE, asked_at=NOW)
    assert letters.confirm(asked, NOW).state == state


def test_the_mail_that_asks_has_one_link_and_is_written_once(
    people: People, relay: Relay, post: Post, account: Account
) -> None:
    (alice,) = people("alice")
    Message.objects.all().delete()
    Account.objects.filter(pk=account.pk).update(from_name="Tom & Jerry\r\nBcc: x@example.com")
    alice.refresh_from_db()
    asked = Confirmation.objects.create(contact=alice, kind=Confirmation.Kind.OPT_IN, asked_at=NOW)
    assert letters.confirm(asked, NOW).pk == letters.confirm(asked, NOW).pk
    Account.objects.filter(pk=account.pk).update(from_name="The Music Shop")
    assert post.deliver(relay).sent == 1
    (mail,) = post.mails()
    link = f"http://localhost:8000/t/k/{tokens.signed('confirm', asked.pk)}"
    html, text = (mail.get_body([kind]).get_content() for kind in ("html", "plain"))
    assert mail["Subject"] == "Please confirm that you want mail from Tom & Jerry Bcc: x@example.com"
    assert f'<a href="{link}"' in html
    assert "Tom &amp; Jerry" in html
    assert f"\r\n{link}\r\n" in text
    assert "/t/o/" not in html


def _counted(page: str) -> list[str]:
    return re.findall(r"http://\S+?/t/c/[A-Za-z0-9_-]+", page)


def test_clicks_in_letters_are_counted_each_letter_has_its_own_links(
    write: Write, relay: Relay, post: Post, account: Account
) -> None:
    shop = "https://shop.example.com/order?id=7&token=secret"
    html = f'<p>See <a href="{shop.replace("&", "&amp;")}">it</a></p>'
    first = write("alice@example.com", "bob@example.com", html=html, text=f"See {shop}.")
    write("carol@example.com", html=html, text="Thank you")
    assert post.deliver(relay).sent == 3
    mails = {str(mail["To"]): mail for mail in post.mails()}
    both = mails["alice@example.com, bob@example.com"]
    (target,) = _counted(both.get_body(["html"]).get_content())
    (same,) = _counted(both.get_body(["plain"]).get_content())
    assert target == same
    assert shop not in both.as_string()
    assert Link.objects.count() == 2
    answer = Client().get(urlsplit(target).path)
    assert (answer.status_code, answer["Location"]) == (302, shop)
    message = Message.objects.get(clicks__isnull=False)
    assert message.letter_id == first.pk
    (figures,) = statistics.figures(account, NOW, NOW + timedelta(days=1), statistics.Period.ALL_TIME)
    assert (figures.opens, figures.clicks) == (1, 1)


def test_what_a_letter_led_to_goes_with_its_last_reader(
    write: Write, relay: Relay, post: Post, account: Account
) -> None:
    write("alice@example.com", "bob@example.com", text="Take https://shop.example.com/reset?token=secret")
    assert post.deliver(relay).sent == 2
    (target, *_) = _counted(post.mails()[0].get_body(["plain"]).get_content())
    erase_address(account, "alice@example.com", "test", NOW)
    assert Client().get(urlsplit(target).path).status_code == 302
    erase_address(account, "bob@example.com", "test", NOW)
    assert Client().get(urlsplit(target).path).status_code == 404
    assert "secret" not in Link.objects.get().url


def test_the_mail_that_asks_to_confirm_counts_nothing(write: Write, relay: Relay, post: Post) -> None:
    write("alice@example.com", kind=Letter.Kind.CONFIRMATION, text="Say https://shop.example.com/yes")
    assert post.deliver(relay).sent == 1
    assert "https://shop.example.com/yes" in post.mails()[0].as_string()
    assert not Link.objects.exists()
