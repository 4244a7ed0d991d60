"""The preference centre: lists, topics and fields of whoever got a mail."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.content import tokens
from usher.engage.forms.tests.conftest import NOW
from usher.engage.lists import members
from usher.engage.lists.edit import create_list
from usher.engage.models import (
    Account,
    Campaign,
    Choice,
    Confirmation,
    Contact,
    ContactList,
    Message,
    Preference,
    Suppression,
)
from usher.engage.models.contacts import Status
from usher.engage.preferences import tree


@pytest.fixture
def alice(shop: Account, news: ContactList) -> Contact:
    contact, _ = save(shop, Draft("alice@example.com", {"BORN": "1970-02-03", "FIRSTNAME": "Alice"}), NOW)
    members.join(news, contact, NOW)
    return contact


@pytest.fixture
def mail(alice: Contact) -> Message:
    times = {"created_at": NOW, "updated_at": NOW}
    campaign = Campaign.objects.create(
        account=alice.account, name="C", subject="S", html="", text="", **times
    )
    return Message.objects.create(
        account=alice.account, campaign=campaign, contact=alice, state="sent", queued_at=NOW, due_at=NOW
    )


def path(mail: Message) -> str:
    return f"/t/p/{tokens.signed('preferences', mail.pk)}"


def test_it_shows_what_is_public_and_nothing_else(
    client: Client, shop: Account, mail: Message, jazz: Preference
) -> None:
    create_list(shop, "Big spenders", NOW)
    page = client.get(path(mail))
    for text in ("alice@example.com", "News", "Jazz &amp; blues", 'value="1970-02-03"'):
        assert text in page.text
    assert "Big spenders" not in page.text
    assert "Firstname" not in page.text
    assert page.text.count("checked") == 2


def test_one_list_and_one_topic_can_be_left(
    client: Client, mail: Message, alice: Contact, news: ContactList, jazz: Preference
) -> None:
    page = client.post(path(mail), {"act": "save", "field_BORN": "1970-02-04"})
    assert "Your choices are saved" in page.text
    assert not members.members(news).exists()
    assert not Choice.objects.get(preference=jazz, contact=alice).opted_in
    alice.refresh_from_db()
    assert (alice.status, alice.data) == ("Subscribed", {"BORN": "1970-02-04", "FIRSTNAME": "Alice"})
    client.post(path(mail), {"act": "save", f"list_{news.pk}": "on", f"topic_{jazz.pk}": "on"})
    assert members.members(news).count() == 1
    assert Choice.objects.get().opted_in
    alice.refresh_from_db()
    assert alice.data == {"FIRSTNAME": "Alice"}


def test_what_is_saved_is_said_in_so_many_words(
    client: Client, mail: Message, alice: Contact, news: ContactList, jazz: Preference
) -> None:
    ticks = {f"list_{news.pk}": "on", f"topic_{jazz.pk}": "on"}
    assert "You have not chosen among all these topics yet." in client.get(path(mail)).text
    client.post(path(mail), {"act": "save", **ticks})
    assert "You have not chosen" not in client.get(path(mail)).text
    assert Choice.objects.get(preference=jazz, contact=alice).opted_in
    client.post(path(mail), {"act": "save", **ticks, f"topic_{jazz.pk}": "off"})
    assert not Choice.objects.get(preference=jazz, contact=alice).opted_in


@pytest.mark.parametrize("body", [{}, {"act": ""}, {"act": "x"}])
def test_a_body_that_was_lost_changes_nothing(
    client: Client, mail: Message, news: ContactList, body: dict[str, str]
) -> None:
    page = client.post(path(mail), body)
    assert "saved" not in page.text
    assert members.members(news).count() == 1
    assert not Choice.objects.exists()


def test_a_public_topic_of_a_private_category_is_offered_without_its_name(
    client: Client, shop: Account, mail: Message
) -> None:
    head = tree.create(shop, tree.Draft("Inner", is_preference=False), NOW)
    tree.create(shop, tree.Draft("Opera", is_public=True, category=head.pk), NOW)
    page = client.get(path(mail)).text
    assert "Opera" in page
    assert "Inner" not in page


def test_a_value_that_does_not_fit_changes_nothing(
    client: Client, mail: Message, alice: Contact, news: ContactList
) -> None:
    page = client.post(path(mail), {"act": "save", "field_BORN": "x"})
    assert (page.status_code, 'value="x"' in page.text) == (422, True)
    assert members.members(news).count() == 1


def test_everything_can_be_left_and_coming_back_takes_a_mail(
    client: Client, mail: Message, alice: Contact
) -> None:
    assert "You are unsubscribed" in client.post(path(mail), {"act": "leave"}).text
    assert Suppression.objects.get().message == mail
    page = client.post(path(mail), {"act": "return"})
    assert "you will find a mail" in page.text
    assert Confirmation.objects.get().kind == Confirmation.Kind.RESUBSCRIBE
    alice.refresh_from_db()
    assert alice.status == "Unsubscribed"


def test_a_complaint_is_answered_alike_and_asks_nothing(client: Client, mail: Message, shop: Account) -> None:
    suppress(shop, ["alice@example.com"], Status.ISP_COMPLAINED, "test", NOW)
    assert "you will find a mail" in client.post(path(mail), {"act": "return"}).text
    assert not Confirmation.objects.exists()


def test_looking_changes_nothing_and_other_doors_stay_shut(
    client: Client, mail: Message, news: ContactList
) -> None:
    client.get(path(mail))
    client.head(path(mail))
    assert members.members(news).count() == 1
    assert client.get(f"/t/p/{tokens.signed('unsubscribe', mail.pk)}").status_code == 404
    Contact.objects.update(status="Deleted")
    assert client.get(path(mail)).status_code == 404


def test_the_unsubscribe_page_leads_here(client: Client, mail: Message) -> None:
    assert path(mail) in client.get(f"/t/u/{tokens.signed('unsubscribe', mail.pk)}").text
