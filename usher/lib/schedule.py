"""Moments of a cron line, read in a time zone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError


class ScheduleError(ValueError):
    """A schedule is not a cron line of five parts or a time of day such as 06:05."""


def cron(text: str) -> str:
    """The cron line for `text`: a cron line itself, or a time of day ("06:05" is every day at that time)."""
    line = text.strip()
    hour, colon, minute = line.partition(":")
    if colon and hour.isdigit() and minute.isdigit():
        line = f"{int(minute)} {int(hour)} * * *"
    try:
        CronSim(line, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as problem:
        raise ScheduleError(f"{text!r} is not a schedule ({problem}); write 06:05 or a cron line") from None
    return line


def following(line: str, after: datetime, zone: tzinfo) -> datetime:
    """The first moment of the cron line that is later than `after`."""
    return next(CronSim(line, after.astimezone(zone))).astimezone(UTC)


def latest(line: str, at: datetime, zone: tzinfo, within: timedelta = timedelta(days=1)) -> datetime | None:
    """The last moment of the cron line in (at - within, at], or None."""
    moments = CronSim(line, (at - within).astimezone(zone))
    past = itertools.takewhile(lambda moment: moment <= at, moments)
    found = None
    for found in past:  # noqa: B007 - the last one is the answer
        pass
    return found.astimezone(UTC) if found else None
