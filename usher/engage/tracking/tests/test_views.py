"""Opens, clicks and unsubscribes come back over HTTP, and only from whoever got the mail."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.content import tokens
from usher.engage.models import Campaign, Click, Contact, Link, Message, Open, Suppression

pytestmark = pytest.mark.django_db
THEN = datetime(1998, 1, 1, tzinfo=UTC)
TARGET = "https://shop.example/söng?a=1&b=2"


@pytest.fixture
def message() -> Message:
    account = create_account("Music shop", THEN)
    times = {"created_at": THEN, "updated_at": THEN}
    campaign = Campaign.objects.create(account=account, name="C", subject="S", html="", text="", **times)
    alice = Contact.objects.create(
        account=account, email="Alice@example.com", email_key="alice@example.com", status_at=THEN, **times
    )
    Link.objects.create(campaign=campaign, url=TARGET)
    return Message.objects.create(
        account=account, campaign=campaign, contact=alice, state="sent", queued_at=THEN, due_at=THEN
    )


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True)


def click_path(message: Message) -> str:
    return f"/t/c/{tokens.signed('click', message.pk, Link.objects.get().pk)}"


def leave_path(message: Message) -> str:
    return f"/t/u/{tokens.signed('unsubscribe', message.pk)}"


def test_a_click_is_counted_and_led_on(client: Client, message: Message) -> None:
    answer = client.get(click_path(message), headers={"user-agent": "Mozilla"})
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/s%C3%B6ng?a=1&b=2")
    assert "no-store" in answer["Cache-Control"]
    click = Click.objects.get()
    assert (click.message, click.link.url, click.ip, click.user_agent) == (
        message,
        TARGET,
        "127.0.0.1",
        "Mozilla",
    )


def test_the_first_click_counts_as_an_open_too(client: Client, message: Message) -> None:
    client.get(click_path(message))
    client.get(click_path(message))
    assert (Click.objects.count(), Open.objects.count()) == (2, 1)


def test_a_head_request_counts_nothing(client: Client, message: Message) -> None:
    assert client.head(click_path(message)).status_code == 302
    assert client.head(f"/t/o/{tokens.signed('open', message.pk)}.gif").status_code == 200
    assert client.head(leave_path(message)).status_code == 200
    assert not Click.objects.exists()
    assert not Open.objects.exists()
    assert not Suppression.objects.exists()


def test_nothing_in_the_query_changes_the_target(client: Client, message: Message) -> None:
    answer = client.get(click_path(message) + "?url=https://evil.example/&next=//evil.example")
    assert answer["Location"].startswith("https://shop.example/")


def test_a_click_still_leads_on_when_the_mail_was_erased(client: Client, message: Message) -> None:
    path = click_path(message)
    message.delete()
    assert client.get(path).status_code == 302
    assert not Click.objects.exists()


def test_the_pixel_is_a_picture_and_counts(client: Client, message: Message) -> None:
    answer = client.get(f"/t/o/{tokens.signed('open', message.pk)}.gif")
    assert answer["Content-Type"] == "image/gif"
    assert answer.content.startswith(b"GIF89a")
    assert Open.objects.get().message == message


@pytest.mark.parametrize("path", ["/t/c/forged", "/t/o/forged.gif", "/t/u/forged", "/t/u/" + "A" * 200])
def test_a_forged_token_is_not_found(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path).status_code in (404, 405)


def test_a_token_of_one_kind_opens_no_other_door(client: Client, message: Message) -> None:
    assert client.get(f"/t/u/{tokens.signed('open', message.pk)}").status_code == 404


def test_looking_at_the_page_changes_nothing(client: Client, message: Message) -> None:
    answer = client.get(leave_path(message))
    assert "Alice@example.com" in answer.text
    assert "<button" in answer.text
    assert not answer.cookies
    assert not Suppression.objects.exists()


def test_one_click_unsubscribes_without_cookies_or_csrf(strict: Client, message: Message) -> None:
    answer = strict.post(leave_path(message), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert not answer.cookies
    suppression = Suppression.objects.get()
    assert (suppression.email_key, suppression.reason, suppression.source, suppression.message) == (
        "alice@example.com",
        "Unsubscribed",
        "one-click",
        message,
    )
    assert Contact.objects.get().status == "Unsubscribed"


def test_one_click_may_come_as_a_form_with_parts(strict: Client, message: Message) -> None:
    body = '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    answer = strict.post(leave_path(message), body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 200
    assert Suppression.objects.get().source == "one-click"


def test_the_button_unsubscribes_and_twice_is_harmless(strict: Client, message: Message) -> None:
    strict.post(leave_path(message))
    answer = strict.post(leave_path(message))
    assert (answer.status_code, "You are unsubscribed" in answer.text) == (200, True)
    assert Suppression.objects.get().source == "page"
