"""How campaigns were received, and how that grew."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from usher.engage.models import (
    Account,
    Campaign,
    CampaignCount,
    Click,
    Contact,
    Link,
    Message,
    Open,
    Suppression,
)
from usher.engage.reports import received
from usher.engage.reports.course import course
from usher.engage.reports.links import followed
from usher.engage.tests.conftest import NOW

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def sent(account: Account) -> Campaign:
    """Six mails: three arrived, one bounced, one was given up after deferrals, one went to a seed."""
    campaign = Campaign.objects.create(
        account=account, name="News", subject="x", html="x", text="x", created_at=NOW, updated_at=NOW
    )
    dates = {"status_at": NOW, "created_at": NOW, "updated_at": NOW}
    people = [
        Contact.objects.create(
            account=account, email=f"{n}@x.org", email_key=f"{n}@x.org", is_seed=n == 5, **dates
        )
        for n in range(6)
    ]
    came = [("sent", 250), ("sent", 250), ("sent", 250), ("bounced", 550), ("failed", 452), ("sent", 250)]
    common = {"account": account, "campaign": campaign, "queued_at": NOW, "due_at": NOW}
    mails = [
        Message.objects.create(
            **common,
            contact=person,
            state=state,
            code=code,
            sent_at=NOW + number * HOUR if state == "sent" else None,
        )
        for number, (person, (state, code)) in enumerate(zip(people, came, strict=True))
    ]
    link = Link.objects.create(campaign=campaign, url="https://x.org")
    for mail in (mails[0], mails[0], mails[1], mails[5]):
        Open.objects.create(message=mail, at=NOW + 2 * HOUR)
    Click.objects.create(message=mails[0], link=link, at=NOW + 3 * HOUR)
    Suppression.objects.create(
        account=account, email_key="1@x.org", reason="Unsubscribed", at=NOW, source="page", message=mails[1]
    )
    return campaign


def test_it_counts_mails_once_and_no_seeds(sent: Campaign) -> None:
    other = Campaign.objects.create(
        account=sent.account, name="Other", subject="x", html="x", text="x", created_at=NOW, updated_at=NOW
    )
    found = received.received([sent.pk, other.pk])
    one = found[sent.pk]
    assert (one.sent, one.delivered, one.bounced, one.soft) == (5, 3, 2, 1)
    assert (one.opened, one.clicked, one.unsubscribed) == (2, 1, 1)
    assert one.last_sent == NOW + 2 * HOUR
    assert found[other.pk] == received.Received()


def test_large_campaigns_are_kept_as_they_were_counted(
    sent: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert received.known([sent.pk], NOW)[sent.pk].counted_at is None
    assert not CampaignCount.objects.exists()
    monkeypatch.setattr(received, "LARGE", 4)
    live = received.known([sent.pk], NOW)[sent.pk]
    Open.objects.all().delete()
    kept = received.known([sent.pk], NOW + HOUR)[sent.pk]
    assert (kept.counted_at, kept.received) == (NOW, live.received)
    received.count([sent.pk], NOW + HOUR)
    again = received.known([sent.pk], NOW + HOUR)[sent.pk]
    assert (again.counted_at, again.received.opened) == (NOW + HOUR, 0)


def test_it_tells_the_course_by_the_hour_with_first_opens_only(sent: Campaign) -> None:
    unit, steps = course(sent, ZoneInfo("Europe/London"))
    assert unit == "hour"
    told = [((step.at - NOW) / HOUR, step.delivered, step.opened, step.clicked) for step in steps]
    assert told == [(-1, 0, 0, 0), (0, 1, 0, 0), (1, 2, 0, 0), (2, 3, 2, 0), (3, 3, 2, 1)]


def test_a_long_course_is_told_by_the_day_or_week(sent: Campaign) -> None:
    unopened = Message.objects.get(campaign=sent, contact__email="2@x.org")
    late = Open.objects.create(message=unopened, at=NOW + timedelta(days=30))
    unit, steps = course(sent, ZoneInfo("UTC"))
    assert unit == "day"
    assert [(step.at - NOW).days for step in steps] == [-2, -1, 29]
    assert [(step.delivered, step.opened) for step in steps] == [(0, 0), (3, 2), (3, 3)]
    Open.objects.filter(pk=late.pk).update(at=NOW + timedelta(days=800))
    unit, steps = course(sent, ZoneInfo("UTC"))
    assert (unit, {step.at.weekday() for step in steps}) == ("week", {0})


def test_of_what_was_not_sent_there_is_no_course(sent: Campaign) -> None:
    Message.objects.all().update(sent_at=None, state="queued")
    Open.objects.all().delete()
    Click.objects.all().delete()
    assert course(sent, ZoneInfo("UTC")) == ("hour", [])


def test_links_are_told_with_their_people(sent: Campaign) -> None:
    assert followed(sent, 20) == [("https://x.org", 1)]
