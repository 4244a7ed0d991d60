"""Functions of dates and times: days_since and its kin, age, anniversary, year, month, weekday, hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from usher.rules import english
from usher.rules.clock import Clock
from usher.rules.functions.registry import TIMES, Function
from usher.rules.moments import instant_of, local_time, moment_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# of columns


def whole_months(clock: Clock, day: Any, other: Any) -> ir.Value:
    """The greatest n so that `day` plus n months is not later than `other`; both are columns of dates.

    Where a month has no such day, its last day counts: a month after 31 January is the end of February.
    """
    months = (other.year() - day.year()) * 12 + (other.month() - day.month())
    is_last = clock.dialect.next_day(other).day() == 1
    return months - ((day.day() > other.day()) & ~is_last).ifelse(1, 0)


def _floored(clock: Clock, value: Any, parts: int) -> ir.Value:
    """Whole units: -1 day is in the week before."""
    return value if parts == 1 else clock.dialect.floor(value / parts)


def _days(since: bool, length: int) -> Callable[[Clock, ir.Value], ir.Value]:
    def count(clock: Clock, value: ir.Value) -> ir.Value:
        now = clock.moment_like(value)
        days = clock.whole_days(value, now) if since else clock.whole_days(now, value)
        return _floored(clock, days, length)

    return count


def _months(since: bool, length: int) -> Callable[[Clock, ir.Value], ir.Value]:
    def count(clock: Clock, value: ir.Value) -> ir.Value:
        day, today = clock.day(value), clock.dialect.literal(clock.today)
        months = whole_months(clock, day, today) if since else whole_months(clock, today, day)
        return _floored(clock, months, length)

    return count


def has_anniversary(clock: Clock, day: Any, after: date, until: date) -> ir.BooleanValue:
    """Is one of the yearly returns of `day` (the first a year after it) later than `after`, up to `until`?"""
    years = _floored(clock, whole_months(clock, day, clock.dialect.literal(until)), 12)
    before = _floored(clock, whole_months(clock, day, clock.dialect.literal(after)), 12)
    return (years >= 1) & (years > before)


# of an event's values


def moment(value: Any) -> date | datetime | None:
    """What an event's value says of time: a date, or a text such as "2024-05-31T18:00Z"."""
    return moment_of(value) if isinstance(value, str) else value if isinstance(value, date) else None


def local_day(clock: Clock, value: Any) -> date | None:
    """The local date of an event's value."""
    found = moment(value)
    if found is None:
        return None
    return _wall(clock, found).date() if isinstance(found, datetime) else found


def _wall(clock: Clock, value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time.min)
    return value if value.tzinfo is None else local_time(instant_of(value, clock.zone), clock.zone)


def days_from(clock: Clock, earlier: Any, later: Any) -> int | None:
    """Days from one value to another, rounded down, as `Clock.whole_days` counts them."""
    one, other = moment(earlier), moment(later)
    if one is None or other is None:
        return None
    if isinstance(one, datetime) and isinstance(other, datetime) and one.tzinfo and other.tzinfo:
        return (other.astimezone(UTC) - one.astimezone(UTC)) // timedelta(days=1)
    return (_wall(clock, other) - _wall(clock, one)) // timedelta(days=1)


def months_from(day: date, other: date) -> int:
    """The greatest n so that `day` plus n months is not later than `other`, as `whole_months` counts them."""
    months = (other.year - day.year) * 12 + other.month - day.month
    last = other == date.max or (other + timedelta(days=1)).day == 1
    return months - (day.day > other.day and not last)


def anniversary_comes(day: date, after: date, until: date) -> bool:
    """What `has_anniversary` asks, of one date."""
    years = months_from(day, until) // 12
    return years >= 1 and years > months_from(day, after) // 12


def _days_python(since: bool, length: int) -> Callable[[Clock, Any], int | None]:
    def count(clock: Clock, value: Any) -> int | None:
        now = clock.now if isinstance(moment(value), datetime) else clock.today
        days = days_from(clock, value, now) if since else days_from(clock, now, value)
        return None if days is None else days // length

    return count


def _months_python(since: bool, length: int) -> Callable[[Clock, Any], int | None]:
    def count(clock: Clock, value: Any) -> int | None:
        day = local_day(clock, value)
        if day is None:
            return None
        return (months_from(day, clock.today) if since else months_from(clock.today, day)) // length

    return count


def _part(part: Callable[[Any], Any]) -> Callable[[Clock, Any], Any]:
    def take(clock: Clock, value: Any) -> Any:
        day = local_day(clock, value)
        return None if day is None else part(day)

    return take


def _hour_python(clock: Clock, value: Any) -> int | None:
    found = moment(value)
    return _wall(clock, found).hour if isinstance(found, datetime) else None


def _counting(unit: str, since: bool, months: int = 0, days: int = 0) -> Function:
    """`days_since` and its seven kin."""
    name = f"{unit}_{'since' if since else 'until'}"
    kind = "calendar units of the zone" if months else "calendar days of dates, 24 hours of times"
    return Function(
        name=name,
        takes=(TIMES,),
        returns="number",
        says=f"how many whole {unit} {'ago it was' if since else 'from now it is'} ({kind})",
        example={
            "days_since": "days_since(last(bookings.booked_at)) > 30",
            "weeks_since": "weeks_since(last(bookings.booked_at)) >= 8",
            "months_since": "months_since(last(bookings.booked_at)) >= 6",
            "years_since": "years_since(birthday) >= 65",
            "days_until": "days_until(max(bookings.performances.starts_at)) <= 7",
            "weeks_until": "weeks_until(max(bookings.performances.starts_at)) >= 2",
            "months_until": "months_until(max(bookings.performances.starts_at)) >= 1",
            "years_until": "years_until(max(bookings.performances.starts_at)) < 1",
        }[name],
        phrase=lambda value: f"the number of whole {unit} {'since' if since else 'until'} {value}",
        ibis=_months(since, months) if months else _days(since, days),
        python=_months_python(since, months) if months else _days_python(since, days),
        moves=True,
    )


FUNCTIONS = (
    *(
        _counting(unit, since, months, days)
        for unit, months, days in (("days", 0, 1), ("weeks", 0, 7), ("months", 1, 0), ("years", 12, 0))
        for since in (True, False)
    ),
    Function(
        name="age",
        takes=(TIMES,),
        returns="number",
        says="how many whole years ago it was: the age of who has this birthday",
        example="age(birthday) < 26",
        phrase=lambda value: "their age" if value == english.BIRTH else f"the age of {value} in years",
        ibis=_months(True, 12),
        python=_months_python(True, 12),
        moves=True,
    ),
    Function(
        name="anniversary",
        takes=(TIMES,),
        returns="date",
        says="the same day of every later year, 29 February on the 28th; asked with `within` only",
        example="anniversary(birthday) within next 7 days",
        phrase=english.anniversary,
        ibis=lambda clock, value: clock.day(value),
        python=local_day,
        moves=True,
    ),
    Function(
        name="days_between",
        takes=(TIMES, TIMES),
        returns="number",
        says="how many whole days the second is later than the first",
        example="days_between(first(bookings.booked_at), last(bookings.booked_at)) > 365",
        phrase=lambda one, other: f"the number of whole days from {one} to {other}",
        ibis=lambda clock, one, other: clock.whole_days(one, other),
        python=days_from,
    ),
    Function(
        name="year",
        takes=(TIMES,),
        returns="number",
        says="the year, in the zone",
        example="year(birthday) >= 2000",
        phrase=lambda value: english.possessive(value, "year"),
        ibis=lambda clock, value: clock.wall(value).year(),
        python=_part(lambda day: day.year),
    ),
    Function(
        name="month",
        takes=(TIMES,),
        returns="number",
        says="the month, from 1 to 12, in the zone",
        example="month(birthday) = 12",
        phrase=lambda value: english.possessive(value, "month"),
        ibis=lambda clock, value: clock.wall(value).month(),
        python=_part(lambda day: day.month),
    ),
    Function(
        name="day_of_month",
        takes=(TIMES,),
        returns="number",
        says="the day of the month, from 1 to 31, in the zone",
        example="day_of_month(birthday) = 29",
        phrase=lambda value: english.possessive(value, "day of the month"),
        ibis=lambda clock, value: clock.wall(value).day(),
        python=_part(lambda day: day.day),
    ),
    Function(
        name="day_of_week",
        takes=(TIMES,),
        returns="text",
        says='the day of the week in the zone, from "Monday" to "Sunday"',
        example='exists(bookings where day_of_week(booked_at) in ["Saturday", "Sunday"])',
        phrase=lambda value: english.possessive(value, "day of the week"),
        ibis=lambda clock, value: clock.day(value).day_of_week.index().cases(*enumerate(WEEKDAYS)),
        python=_part(lambda day: WEEKDAYS[day.weekday()]),
    ),
    Function(
        name="hour",
        takes=(("instant",),),
        returns="number",
        says="the hour, from 0 to 23, in the zone",
        example="exists(bookings where hour(booked_at) < 9)",
        phrase=lambda value: english.possessive(value, "hour"),
        ibis=lambda clock, value: clock.wall(value).hour(),
        python=_hour_python,
    ),
)
