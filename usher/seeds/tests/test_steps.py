from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from usher.seeds import durations
from usher.seeds.steps import Step

LONDON = ZoneInfo("Europe/London")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(placed: str, at: time | None, after: timedelta) -> datetime:
    return Step("Hello", "Hello", at, after, timedelta(hours=1)).due_at(utc(placed), LONDON)


def test_a_mail_is_due_at_the_programs_next_hour() -> None:
    assert due("1998-01-01 06:30", time(7), timedelta()) == utc("1998-01-01 07:00")
    assert due("1998-01-01 07:00", time(7), timedelta()) == utc("1998-01-01 07:00")
    assert due("1998-01-01 07:01", time(7), timedelta()) == utc("1998-01-02 07:00")


def test_days_after_the_programs_hour_are_of_24_hours_as_its_waits_are() -> None:
    # the clocks go forward on 29 March: seven days after 07:00 GMT is 08:00 BST
    assert due("1998-03-25 06:30", time(7), timedelta(days=7)) == utc("1998-04-01 07:00")


def test_without_an_hour_the_time_runs_from_the_placement() -> None:
    assert due("1998-01-01 06:31", None, timedelta(hours=2)) == utc("1998-01-01 08:31")


def test_a_step_survives_being_kept_as_json() -> None:
    step = Step("We miss you", "We miss you*", time(7, 5), timedelta(days=7), timedelta(minutes=90))
    assert step.to_json() == {
        "mail": "We miss you",
        "subject": "We miss you*",
        "at": "07:05",
        "after": "7 days",
        "window": "1 hour 30 minutes",
    }
    assert Step.from_json(step.to_json()) == step


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30 minutes", timedelta(minutes=30)),
        ("1 day, 12 hours", timedelta(hours=36)),
        ("0 days", timedelta()),
        (" 10days ", timedelta(days=10)),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, duration: timedelta) -> None:
    assert durations.parse(text) == duration
    assert durations.parse(durations.write(duration)) == duration


@pytest.mark.parametrize("text", ["", "soon", "-1 day", "5", "3 weeks", "1.5 days", "99999999999999 days"])
def test_what_is_no_duration_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|too long"):
        durations.parse(text)
