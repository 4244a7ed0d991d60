from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from usher.seeds.slots import following, latest

LONDON = ZoneInfo("Europe/London")
PLAN = (date(1998, 1, 1), 10, time(6, 30))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "last", "next_one"),
    [
        ("1997-12-25 12:00", None, "1998-01-01 06:30"),
        ("1998-01-01 06:29", None, "1998-01-01 06:30"),
        ("1998-01-01 06:30", "1998-01-01 06:30", "1998-01-11 06:30"),
        ("1998-01-11 06:29", "1998-01-01 06:30", "1998-01-11 06:30"),
        ("1998-02-10 06:30", "1998-02-10 06:30", "1998-02-20 06:30"),
        # in London the clock is an hour ahead from 29 March on
        ("1998-04-01 05:30", "1998-04-01 05:30", "1998-04-11 05:30"),
        ("1998-04-01 05:29", "1998-03-22 06:30", "1998-04-01 05:30"),
    ],
)
def test_slots_are_every_ten_days_by_the_clock_of_the_place(
    now: str, last: str | None, next_one: str
) -> None:
    assert latest(*PLAN, utc(now), LONDON) == (utc(last) if last else None)
    assert following(*PLAN, utc(now), LONDON) == utc(next_one)
