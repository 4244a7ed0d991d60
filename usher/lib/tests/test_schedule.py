from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from usher.lib import schedule

LONDON = ZoneInfo("Europe/London")


def test_a_time_of_day_is_every_day_at_that_time() -> None:
    assert schedule.cron("06:05") == "5 6 * * *"


def test_the_following_moment_is_later_even_when_asked_at_the_moment_itself() -> None:
    at_six = datetime(1998, 1, 1, 6, tzinfo=UTC)
    assert schedule.following("0 6 * * *", at_six, UTC) == at_six + timedelta(days=1)


def test_summer_time_moves_the_moment_but_not_the_hour_on_the_wall() -> None:
    assert schedule.following("0 6 * * *", datetime(2026, 6, 1, tzinfo=UTC), LONDON) == datetime(
        2026, 6, 1, 5, tzinfo=UTC
    )


def test_the_latest_moment_includes_the_present_one_and_looks_back_a_day() -> None:
    at_six = datetime(1998, 1, 1, 6, tzinfo=UTC)
    assert schedule.latest("0 6 * * *", at_six, UTC) == at_six
    assert schedule.latest("0 6 * * *", at_six - timedelta(minutes=1), UTC) == at_six - timedelta(days=1)
    assert schedule.latest("0 6 1 1 *", at_six + timedelta(days=3), UTC) is None


def test_nonsense_says_what_to_write() -> None:
    with pytest.raises(schedule.ScheduleError, match="write 06:05 or a cron line"):
        schedule.cron("at dawn")
