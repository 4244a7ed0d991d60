"""The sign-up form: what it asks, what it refuses, and what it tells nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from usher.engage.contacts import confirm
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.forms.tests.conftest import ALICE, NOW
from usher.engage.lists import members
from usher.engage.models import (
    Account,
    Audit,
    Choice,
    Confirmation,
    Consent,
    Contact,
    ContactList,
    Enrolment,
    Form,
    Message,
    Preference,
    Program,
    ProgramVersion,
)
from usher.engage.models.contacts import Status
from usher.engage.programs.graph import dump, parse

URL = "/f/newsletter"
THEN = NOW - timedelta(days=30)


def on_list(news: ContactList) -> list[str]:
    return sorted(members.members(news).values_list("email_key", flat=True))


def test_the_form_asks_for_what_it_says(client: Client, form: Form) -> None:
    page = client.get(URL)
    assert page.status_code == 200
    for text in ("Music news", "First name", "Date of birth", "(optional)", "Jazz &amp; blues", "I agree to"):
        assert text in page.text
    assert "checked" not in page.text
    assert "<script" not in page.text
    assert not page.cookies


def test_signing_up_makes_a_member_with_evidence(client: Client, form: Form, jazz: Preference) -> None:
    posted = ALICE | {"field_BORN": "1970-02-03", f"topic_{jazz.pk}": "on"}
    page = client.post(URL, posted, headers={"user-agent": "Firefox"}, REMOTE_ADDR="192.0.2.7")
    assert (page.status_code, "Thank you" in page.text) == (200, True)
    alice = Contact.objects.get()
    assert (alice.email, alice.status, alice.opt_in_type) == ("Alice@example.com", "Subscribed", "Single")
    assert alice.data == {"FIRSTNAME": "Alice", "BORN": "1970-02-03"}
    assert on_list(form.list) == ["alice@example.com"]
    assert Choice.objects.get().opted_in
    told = Consent.objects.get()
    assert (told.text, told.given_at, told.ip, told.user_agent, told.source) == (
        "I agree to get the shop's news.",
        NOW,
        "192.0.2.7",
        "Firefox",
        "form Newsletter",
    )
    assert told.url.endswith("/f/newsletter")
    assert not Message.objects.exists()
    assert {row.by for row in Audit.objects.all()} == {"form Newsletter"}


def test_what_is_missing_or_wrong_is_said_and_nothing_is_kept(client: Client, form: Form) -> None:
    page = client.post(URL, {"email": "alice@", "field_BORN": "tomorrow"})
    assert page.status_code == 422
    for text in (
        "There is a problem",
        "Enter an e-mail address, such as name@example.com",
        "Fill in “First name”.",
        "Write a date, such as 1998-12-31.",
        "Tick the box if you agree",
        'href="#consent"',
        'value="alice@"',
    ):
        assert text in page.text
    assert not Contact.objects.exists()


def test_the_consent_is_never_ticked_for_anybody(client: Client, form: Form) -> None:
    page = client.post(URL, ALICE | {"email": "nonsense"})
    assert page.status_code == 422
    assert "checked" not in page.text


@pytest.mark.parametrize("word", ["", "off", "False", "0", "no"])
def test_a_box_that_a_page_of_others_sends_unticked_is_no_consent(
    client: Client, form: Form, word: str
) -> None:
    page = client.post(URL, {**ALICE, "consent": word})
    assert page.status_code == 422
    assert not Contact.objects.exists()


def test_a_program_that_fills_in_everything_is_thanked_and_forgotten(client: Client, form: Form) -> None:
    page = client.post(URL, ALICE | {"homepage": "https://spam.example"})
    assert "Thank you" in page.text
    assert not Contact.objects.exists()


def test_somebody_who_posts_too_often_has_to_wait(client: Client, form: Form) -> None:
    answers = [client.post(URL, {}, REMOTE_ADDR="192.0.2.1").status_code for _ in range(21)]
    assert answers == [422] * 20 + [429]
    assert client.post(URL, ALICE, REMOTE_ADDR="192.0.2.2").status_code == 200
    behind_a_proxy = {"REMOTE_ADDR": "127.0.0.1", "headers": {"x-forwarded-for": "203.0.113.5, 192.0.2.1"}}
    assert client.post(URL, ALICE, **behind_a_proxy).status_code == 429


def test_joining_starts_the_join_actions_once_and_a_double_opt_in_only_with_the_yes(
    client: Client, form: Form
) -> None:
    graph = {"start": {"first": "done"}, "nodes": {"done": {"kind": "end", "name": "welcomed"}}}
    program = Program.objects.create(account=form.account, name="Welcome", status="Active", created_at=NOW)
    ProgramVersion.objects.create(program=program, number=1, graph=dump(parse(graph)), created_at=NOW)
    ContactList.objects.update(join_program=program)
    client.post(URL, ALICE)
    client.post(URL, ALICE)
    assert Enrolment.objects.count() == 1
    ContactList.objects.update(double_opt_in=True)
    client.post(URL, ALICE | {"email": "bob@example.com"})
    assert Enrolment.objects.count() == 1
    confirm.accept(Confirmation.objects.get(), NOW)
    assert sorted(Enrolment.objects.values_list("contact__email_key", flat=True)) == [
        "alice@example.com",
        "bob@example.com",
    ]


def everybody() -> list[tuple[str, str]]:
    return list(Contact.objects.order_by("email_key").values_list("email_key", "status"))


def test_an_existing_value_is_not_overwritten_by_whoever_knows_the_address(
    client: Client, form: Form, shop: Account
) -> None:
    save(shop, Draft("alice@example.com", {"FIRSTNAME": "Alicia"}), THEN)
    client.post(URL, ALICE | {"field_BORN": "1970-02-03"})
    assert Contact.objects.get().data == {"FIRSTNAME": "Alicia", "BORN": "1970-02-03"}


@pytest.mark.parametrize(
    ("reason", "mails"),
    [(Status.UNSUBSCRIBED, 1), (Status.SUPPRESSED, 1), (Status.HARD_BOUNCED, 1), (Status.ISP_COMPLAINED, 0)],
)
def test_whoever_is_suppressed_gets_the_same_answer_and_stays_out(
    client: Client, form: Form, shop: Account, reason: Status, mails: int
) -> None:
    stranger = client.post(URL, ALICE | {"email": "bob@example.com"})
    save(shop, Draft("alice@example.com"), THEN)
    suppress(shop, ["alice@example.com"], reason, "test", THEN)
    answer = client.post(URL, ALICE)
    assert (answer.status_code, answer.content) == (stranger.status_code, stranger.content)
    assert Contact.objects.get(email_key="alice@example.com").status == reason
    assert on_list(form.list) == ["bob@example.com"]
    assert Message.objects.count() == mails


def test_an_address_that_was_suppressed_before_it_was_a_contact_is_asked(
    client: Client, form: Form, shop: Account
) -> None:
    suppress(shop, ["alice@example.com"], Status.UNSUBSCRIBED, "test", THEN)
    client.post(URL, ALICE)
    assert everybody() == [("alice@example.com", "Unsubscribed")]
    assert Confirmation.objects.get().kind == Confirmation.Kind.RESUBSCRIBE


def test_whoever_left_the_list_only_is_asked(client: Client, form: Form, shop: Account) -> None:
    alice, _ = save(shop, Draft("alice@example.com"), THEN)
    members.opt_out(form.list, alice, THEN)
    client.post(URL, ALICE)
    assert on_list(form.list) == []
    asked = Confirmation.objects.get()
    assert (asked.kind, asked.list) == (Confirmation.Kind.RESUBSCRIBE, form.list)


def test_a_topic_that_somebody_refused_stays_refused(
    client: Client, form: Form, shop: Account, jazz: Preference
) -> None:
    alice, _ = save(shop, Draft("alice@example.com"), THEN)
    Choice.objects.create(preference=jazz, contact=alice, opted_in=False, at=THEN)
    client.post(URL, ALICE | {f"topic_{jazz.pk}": "on"})
    assert not Choice.objects.get().opted_in


def test_afterwards_people_are_led_to_where_the_form_says(client: Client, form: Form) -> None:
    form.return_url = "https://shop.example.com/thanks?a=1"
    form.save()
    page = client.get(URL + "?return_url=https://evil.example")
    assert "form-action 'self' https://shop.example.com" in page["Content-Security-Policy"]
    answer = client.post(URL + "?return_url=https://evil.example", ALICE)
    assert (answer.status_code, answer["Location"]) == (303, "https://shop.example.com/thanks?a=1")


def test_a_form_that_is_closed_takes_nobody(client: Client, form: Form) -> None:
    form.enabled = False
    form.save()
    assert client.get(URL).status_code == 410
    assert client.post(URL, ALICE).status_code == 410
    assert client.get("/f/other").status_code == 404
    assert not Contact.objects.exists()
