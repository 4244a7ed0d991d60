"""Time arithmetic: where a window begins and ends, and what that means for dates and for local times."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from usher.rules.nodes import Period

Side = Literal["<", "<=", ">", ">=", "="]
_LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?$")


def length(period: Period) -> timedelta:
    """How long a period of a fixed length is: not of months and years."""
    return period.count * _LENGTHS[period.unit]


def moment_of(text: str) -> date | datetime | None:
    """The date or time that a text writes out (ISO 8601; without an offset it is local), or None."""
    try:
        if _DATE.match(text):
            return date.fromisoformat(text)
        if _INSTANT.match(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return None


def instant_of(moment: date | datetime, zone: tzinfo) -> datetime:
    """The instant (in UTC) of a date's midnight, or of a time: without an offset both are local in `zone`.

    A time that clocks show twice, when they are put back, is the second of the two, as databases read it.
    A date begins with the first midnight.
    """
    folds = (0, 1) if isinstance(moment, datetime) and moment.tzinfo is None else (0,)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    try:
        # of a time that clocks leave out the later one is what databases take as well
        return max(zoned.replace(fold=fold or zoned.fold).astimezone(UTC) for fold in folds)
    except OverflowError:  # the first or last day of the calendar
        return moment.replace(tzinfo=UTC)


def shifted(now: datetime, period: Period, zone: tzinfo, direction: Literal[-1, 1]) -> datetime:
    """`now` moved by a period, in UTC: days are 24 hours, months and years calendar steps in `zone`."""
    length = _LENGTHS.get(period.unit)
    if length:
        return now.astimezone(UTC) + direction * period.count * length
    local = now.astimezone(zone)
    months = local.year * 12 + local.month - 1
    months += direction * period.count * (12 if period.unit == "year" else 1)
    year, month = divmod(months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return instant_of(local.replace(year=year, month=month + 1, day=day, fold=0, tzinfo=None), zone)


def date_bound(side: Side, moment: datetime, zone: tzinfo) -> tuple[Side, date] | None:
    """`midnight(x) side moment` as a comparison of the date x itself; None: no date fulfils it.

    The midnight of x is later than a moment exactly when x is later than the moment's local date.
    """
    local = moment.astimezone(zone)
    day = local.date()
    if (
        instant_of(day, zone) == moment or local.time() == time.min
    ):  # a midnight may come twice, or not at all
        return side, day
    if side == "=":
        return None
    return (">" if side in (">", ">=") else "<="), day


def local_time(moment: datetime, zone: tzinfo) -> datetime:
    """What a wall clock in `zone` shows at a moment: for times that are stored without an offset."""
    return moment.astimezone(zone).replace(tzinfo=None)
