"""Segments: who is in them after a refresh, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from usher.engage.accounts import create_account
from usher.engage.contacts.fields import create_field
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.errors import EngageError
from usher.engage.lists import members
from usher.engage.lists.edit import create_list
from usher.engage.models import Account, Contact, ContactList, Membership
from usher.engage.models.contacts import Status
from usher.engage.models.lists import RefreshState
from usher.engage.segments.edit import change_segment, create_segment
from usher.engage.segments.refresh import refresh, request_refresh
from usher.engage.segments.tasks import refresh_segment, refresh_segments

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def account(db: None) -> Account:
    account = create_account("Usher", NOW)
    create_field(account, "ORDERS", "Numeric")
    return account


def person(account: Account, name: str, **data: object) -> Contact:
    return save(account, Draft(f"{name}@example.com", data), NOW)[0]


def who(segment: ContactList) -> list[str]:
    return sorted(row.email.split("@")[0] for row in members.members(segment))


def state(segment: ContactList) -> str:
    return ContactList.objects.get(pk=segment.pk).refresh_state


def test_a_refresh_lets_those_in_whom_the_rule_finds_and_others_out(account: Account) -> None:
    for name, orders in (("alice", 5), ("bob", 1), ("carol", 3)):
        person(account, name, ORDERS=orders)
    segment = create_segment(account, "Buyers", "ORDERS >= 3", NOW)
    assert (who(segment), state(segment)) == ([], RefreshState.NOT_STARTED)
    assert refresh(segment, NOW) == (2, 0)
    assert (who(segment), state(segment)) == (["alice", "carol"], RefreshState.FINISHED)
    person(account, "carol", ORDERS=0)
    person(account, "bob", ORDERS=9)
    assert refresh(segment, NOW + timedelta(hours=1)) == (1, 1)
    assert who(segment) == ["alice", "bob"]
    rows = Membership.objects.filter(list=segment).order_by("contact_id")
    assert [row.joined_at for row in rows] == [NOW, NOW + timedelta(hours=1)]  # who stays keeps the moment
    assert refresh(segment, NOW) == (0, 0)


def test_only_the_accounts_own_contacts_are_found(account: Account) -> None:
    other = create_account("Another", NOW)
    create_field(other, "ORDERS", "Numeric")
    person(other, "zoe", ORDERS=7)
    segment = create_segment(account, "Buyers", "ORDERS >= 3", NOW)
    assert refresh(segment, NOW) == (0, 0)


def test_a_rule_may_speak_of_lists_and_of_other_segments(account: Account) -> None:
    news = create_list(account, "Readers' News", NOW)
    alice, bob = person(account, "alice", ORDERS=5), person(account, "bob", ORDERS=5)
    members.join(news, alice, NOW)
    members.join(news, bob, NOW)
    members.opt_out(news, bob, NOW)
    readers = create_segment(account, "Readers", 'audience("Readers\' News")', NOW)
    refresh(readers, NOW)
    assert who(readers) == ["alice"]
    others = create_segment(account, "Others", 'not segment("Readers") and ORDERS > 1', NOW)
    refresh(others, NOW)
    assert who(others) == ["bob"]


def test_whoever_may_not_be_mailed_is_found_but_not_shown(account: Account) -> None:
    person(account, "alice")
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "test", NOW)
    segment = create_segment(account, "Gone", 'STATUS = "Unsubscribed"', NOW)
    assert refresh(segment, NOW) == (1, 0)
    assert who(segment) == []


@pytest.mark.parametrize("rule", ["", "ORDERS >", "SHOE_SIZE > 40", 'segment("Loop")', 'audience("Nobody")'])
def test_a_rule_that_does_not_fit_is_refused(account: Account, rule: str) -> None:
    with pytest.raises(EngageError) as refusal:
        create_segment(account, "Loop", rule, NOW)
    assert refusal.value.token == "ERROR_PARAMETER_INVALID"


def test_a_segment_cannot_speak_of_itself(account: Account) -> None:
    segment = create_segment(account, "Loop", "ORDERS > 1", NOW)
    with pytest.raises(EngageError, match="cannot speak of itself"):
        change_segment(segment, "Loop", 'ORDERS > 1 and segment("Loop")')


@pytest.mark.parametrize("name", ["news", "NEWS", "Test", "all contacts"])
def test_a_segment_shares_its_names_with_the_lists(account: Account, name: str) -> None:
    create_list(account, "News", NOW)
    with pytest.raises(EngageError) as refusal:
        create_segment(account, name, "ORDERS > 1", NOW)
    assert refusal.value.token == "ERROR_ADDRESSBOOK_DUPLICATE"


def test_a_rule_that_no_longer_fits_keeps_the_members_and_says_so(account: Account) -> None:
    person(account, "alice", ORDERS=5)
    segment = create_segment(account, "Buyers", "ORDERS >= 3", NOW)
    refresh(segment, NOW)
    account.data_fields.filter(name="ORDERS").delete()
    assert refresh(segment, NOW) == (0, 0)
    segment.refresh_from_db()
    assert (who(segment), segment.refresh_state) == (["alice"], RefreshState.FAILED)
    assert "ORDERS" in segment.refresh_error


def test_a_refresh_that_was_asked_for_is_done_by_a_worker(account: Account) -> None:
    person(account, "alice", ORDERS=5)
    segment = create_segment(account, "Buyers", "ORDERS >= 3", NOW)
    request_refresh(segment)
    request_refresh(segment)
    assert state(segment) == RefreshState.NOT_STARTED
    refresh_segment(segment.pk)
    assert (who(segment), state(segment)) == (["alice"], RefreshState.FINISHED)


def test_one_that_was_deleted_meanwhile_is_passed_over(account: Account) -> None:
    refresh_segment(4711)


def test_every_hour_all_are_asked_for(account: Account) -> None:
    create_segment(account, "One", "ORDERS >= 3", NOW)
    create_segment(account, "Two", "ORDERS < 3", NOW)
    assert refresh_segments(0) == 2
