from __future__ import annotations

from typing import Any

import pytest

from usher.seeds.act import act
from usher.seeds.collect import collect
from usher.seeds.models import Arrival, MailboxCursor, SeedPlan
from usher.seeds.place import place
from usher.seeds.tests.conftest import CLICKS, DOES_NOT, Deliver, at
from usher.seeds.tests.platform import Platform


@pytest.fixture(autouse=True)
def placed(plan: SeedPlan, platform: Platform) -> None:
    place(at(1, "06:30"))


def link(platform: Platform) -> str:
    return f'<a href="http://elsewhere.invalid/">x</a><a href="{platform.url}/t/c/token">Come back</a>'


def test_it_records_what_came_for_seeds_and_passes_over_the_rest(deliver: Deliver) -> None:
    deliver(CLICKS.upper(), "We miss you", at(1, "07:01"))
    deliver("anna@example.com", "We miss you", at(1, "07:01"))
    deliver("seed+somebody-else@seeds.example.com", "We miss you", at(1, "07:01"))
    assert collect(at(1, "07:30")) == 1
    mail = Arrival.objects.get()
    assert (mail.address, mail.received_at, mail.subject) == (CLICKS, at(1, "07:01"), "We miss you")
    assert mail.message_id == "<1@musicshop.example.com>"


def test_it_counts_nothing_twice(deliver: Deliver) -> None:
    deliver(CLICKS, "We miss you", at(1, "07:01"))
    assert collect(at(1, "07:10")) == 1
    assert collect(at(1, "07:20")) == 0
    deliver(DOES_NOT, "We miss you", at(1, "07:21"))
    assert collect(at(1, "07:30")) == 1
    MailboxCursor.objects.update(position="")  # as if a crash had lost the place
    assert collect(at(1, "07:40")) == 0
    assert Arrival.objects.count() == 2


def test_it_reads_a_spool_that_was_emptied_from_its_beginning(deliver: Deliver) -> None:
    MailboxCursor.objects.create(mailbox="sink", position="999999", read_at=at(1, "06:00"))
    deliver(CLICKS, "We miss you", at(1, "07:01"))
    assert collect(at(1, "07:10")) == 1


def test_no_mail_yet_is_no_error(settings: Any, tmp_path: Any) -> None:
    settings.USHER_DATA_DIR = tmp_path / "nothing"
    assert collect(at(1, "07:10")) == 0


def test_a_seed_that_clicks_does_so_a_day_after_the_mail_came(deliver: Deliver, platform: Platform) -> None:
    deliver(CLICKS, "We miss you", at(1, "07:01"), link(platform))
    deliver(DOES_NOT, "We miss you", at(1, "07:01"), link(platform))
    collect(at(1, "07:30"))
    assert act(at(2, "07:00")) == 0
    assert act(at(2, "07:01")) == 1
    assert platform.clicks == ["token"]
    assert Arrival.objects.get(address=CLICKS).clicked_at == at(2, "07:01")
    assert act(at(2, "07:02")) == 0
    assert platform.clicks == ["token"]


def test_a_click_that_fails_is_made_again_and_given_up_after_a_day(
    deliver: Deliver, platform: Platform, settings: Any
) -> None:
    settings.USHER_PUBLIC_URL = "http://127.0.0.1:1"
    deliver(CLICKS, "We miss you", at(1, "07:01"), '<a href="http://127.0.0.1:1/t/c/token">Come back</a>')
    collect(at(1, "07:30"))
    assert act(at(2, "07:01")) == 0
    mail = Arrival.objects.get()
    assert (mail.clicked_at, mail.click_due_at) == (None, at(2, "07:16"))
    assert "could not be fetched" in mail.click_error
    assert act(at(3, "07:01")) == 0
    mail.refresh_from_db()
    assert mail.click_due_at is None


def test_a_mail_without_a_tracked_link_says_why_it_was_not_clicked(deliver: Deliver) -> None:
    deliver(CLICKS, "We miss you", at(1, "07:01"), "<p>no link</p>")
    collect(at(1, "07:30"))
    mail = Arrival.objects.get()
    assert (mail.click_due_at, mail.click_error) == (None, "the mail has no tracked link")
