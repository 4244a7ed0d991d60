"""Asking by mail: who waits, what the answer changes, and what asking again does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from usher.engage.contacts import confirm
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, change, keep, save
from usher.engage.errors import EngageError
from usher.engage.lists import joining, members
from usher.engage.lists.edit import create_list
from usher.engage.models import Account, Confirmation, Contact, Message, Suppression
from usher.engage.models.contacts import OptInType, Status
from usher.engage.tests.conftest import NOW

DAY = timedelta(days=1)
OPT_IN, RESUBSCRIBE = Confirmation.Kind.OPT_IN, Confirmation.Kind.RESUBSCRIBE


def pending(account: Account) -> Contact:
    draft = Draft("alice@example.com", opt_in_type=OptInType.VERIFIED_DOUBLE)
    return save(account, draft, NOW)[0]


def status(contact: Contact) -> str:
    return Contact.objects.get(pk=contact.pk).status


def test_whoever_opts_in_doubly_waits_and_is_asked_once(account: Account) -> None:
    alice = pending(account)
    assert alice.status == Status.PENDING_OPT_IN
    asked = Confirmation.objects.get()
    assert (asked.contact_id, asked.kind, asked.list) == (alice.pk, OPT_IN, None)
    assert Message.objects.count() == 1
    save(account, Draft("alice@example.com", opt_in_type=OptInType.VERIFIED_DOUBLE), NOW)
    assert Message.objects.count() == 1


def test_an_account_may_demand_it_of_everybody(account: Account) -> None:
    account.double_opt_in = True
    assert save(account, Draft("bob@example.com"), NOW)[0].status == Status.PENDING_OPT_IN
    assert Confirmation.objects.count() == 1


def test_a_yes_subscribes_and_twice_is_harmless(account: Account) -> None:
    alice = pending(account)
    asked = Confirmation.objects.get()
    assert confirm.accept(asked, NOW + DAY, "192.0.2.1", "Firefox")
    assert confirm.accept(asked, NOW + 2 * DAY, "192.0.2.2", "Chrome")
    asked.refresh_from_db()
    assert (asked.confirmed_at, asked.ip, asked.user_agent) == (NOW + DAY, "192.0.2.1", "Firefox")
    assert status(alice) == Status.SUBSCRIBED


def test_a_yes_after_thirty_days_comes_too_late(account: Account) -> None:
    alice = pending(account)
    assert not confirm.accept(Confirmation.objects.get(), NOW + 31 * DAY)
    assert status(alice) == Status.PENDING_OPT_IN


def test_an_opt_out_after_the_question_outlives_a_yes_to_opting_in(account: Account) -> None:
    alice = pending(account)
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    assert not confirm.accept(Confirmation.objects.get(), NOW + DAY)
    assert status(alice) == Status.UNSUBSCRIBED


def test_coming_back_is_asked_at_most_once_a_day_and_joins_the_list(account: Account) -> None:
    news = create_list(account, "News", NOW)
    bob = keep(account, "bob@example.com", NOW, "page")
    first = confirm.ask(bob, RESUBSCRIBE, NOW, joins=news, return_url="https://shop.example.com/")
    assert confirm.ask(bob, RESUBSCRIBE, NOW + timedelta(hours=23), joins=news).pk == first.pk
    assert confirm.ask(bob, RESUBSCRIBE, NOW + DAY, joins=news).pk != first.pk
    assert Message.objects.count() == 2
    assert status(bob) == Status.UNSUBSCRIBED
    assert confirm.accept(first, NOW + DAY)
    assert status(bob) == Status.SUBSCRIBED
    assert [row.email for row in members.members(news)] == ["bob@example.com"]


def test_nobody_comes_back_out_of_a_complaint(account: Account) -> None:
    bob = keep(account, "bob@example.com", NOW, "page")
    asked = confirm.ask(bob, RESUBSCRIBE, NOW)
    suppress(account, ["bob@example.com"], Status.ISP_COMPLAINED, "loop", NOW)
    assert not confirm.accept(asked, NOW + DAY)
    assert status(bob) == Status.ISP_COMPLAINED


def test_join_actions_wait_for_the_yes(account: Account) -> None:
    campaign = account.campaigns.create(
        name="Welcome", subject="Hi", html="x", text="x", status="Triggered", created_at=NOW, updated_at=NOW
    )
    news = create_list(account, "News", NOW)
    news.join_campaign = campaign
    news.save()
    alice = pending(account)
    joining.join(news, alice, NOW)
    assert not campaign.messages.exists()
    confirm.accept(Confirmation.objects.get(), NOW + DAY)
    assert campaign.messages.count() == 1


def test_a_suppressed_address_is_not_asked(account: Account) -> None:
    suppress(account, ["alice@example.com"], Status.SUPPRESSED, "operator", NOW)
    with pytest.raises(EngageError):
        pending(account)
    assert not Confirmation.objects.exists()


def test_many_are_asked_in_a_few_statements_each_once_a_day(account: Account) -> None:
    people = [keep(account, f"p{number}@example.com", NOW, "page") for number in range(40)]
    confirm.ask(people[0], RESUBSCRIBE, NOW)
    wished = {one.pk: (RESUBSCRIBE, "https://shop.example.com/") for one in people}
    with CaptureQueriesContext(connection) as asked:
        confirm.ask_all(wished, NOW + timedelta(hours=1))
    assert len(asked) < 20
    assert Confirmation.objects.count() == Message.objects.count() == 40
    confirm.ask_all(wished, NOW + timedelta(hours=2))
    assert Confirmation.objects.count() == 40


def test_an_old_yes_said_again_brings_nobody_back_who_left_since(account: Account) -> None:
    alice = keep(account, "alice@example.com", NOW, "page")
    asked = confirm.ask(alice, RESUBSCRIBE, NOW)
    assert confirm.accept(asked, NOW)
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "page", NOW + DAY)
    assert not confirm.accept(asked, NOW + 2 * DAY)
    assert status(alice) == Status.UNSUBSCRIBED


def test_nobody_says_yes_for_the_address_that_a_contact_has_now(account: Account) -> None:
    alice = pending(account)
    change(alice, Draft("bob@example.com"), NOW)
    assert Confirmation.objects.count() == 1
    assert Message.objects.latest("pk").address == "bob@example.com"
    assert status(alice) == Status.PENDING_OPT_IN


def test_an_opt_out_goes_along_with_a_new_address(account: Account) -> None:
    alice = keep(account, "alice@example.com", NOW, "page")
    change(alice, Draft("alicia@example.com"), NOW, closed=True)
    assert {row.email_key for row in Suppression.objects.filter(lifted_at=None)} == {
        "alice@example.com",
        "alicia@example.com",
    }
