"""What an evaluation knows of time: its moment, its zone, and how columns are compared with moments."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from usher.rules import nodes
from usher.rules.dialects import OF
from usher.rules.engines import Engine
from usher.rules.errors import RuleError
from usher.rules.moments import Side, date_bound, instant_of, local_time, moment_of

if TYPE_CHECKING:
    import ibis.expr.types as ir


class Clock:
    """An evaluation's moment and zone; compares columns of dates, local times or instants with moments."""

    def __init__(self, now: datetime, zone: tzinfo, engine: Engine = "duckdb") -> None:
        self.now = now
        self.zone = zone
        self.dialect = OF[engine]

    @property
    def today(self) -> date:
        """The date of now in the zone."""
        return self.now.astimezone(self.zone).date()

    def compare(self, value: ir.Value, side: Side, moment: datetime) -> ir.BooleanValue:
        import ibis

        kind = value.type()
        if kind.is_date():
            bound = date_bound(side, moment, self.zone)
            return sided(value, bound[0], self.dialect.literal(bound[1])) if bound else ibis.literal(False)
        if not kind.is_timestamp():
            raise RuleError(f"{value.get_name()} should be a date or a time, and is {kind} in the source.")
        if kind.timezone is None:
            return sided(value, side, self.dialect.literal(local_time(moment, self.zone)))
        return sided(value, side, self.dialect.literal(instant_of(moment, self.zone)))

    def written(self, literal: nodes.Literal) -> datetime:
        moment: date | datetime | None = moment_of(str(literal.value))
        if moment is None:
            raise RuleError(f'"{literal.value}" is not a date.')
        return instant_of(moment, self.zone)

    def until_end_of(self, value: ir.Value, literal: nodes.Literal) -> ir.BooleanValue:
        """`value` is not later than what is written out; a date without a time lasts until midnight."""
        moment = moment_of(str(literal.value))
        if isinstance(moment, datetime) or moment is None or moment == date.max:
            return self.compare(value, "<=", self.written(literal))
        return self.compare(value, "<", instant_of(moment + timedelta(days=1), self.zone))

    def wall(self, value: ir.Value) -> ir.Value:
        """What the local wall clock shows at an instant; dates and times without an offset as they are."""
        kind = value.type()
        if not kind.is_timestamp() or kind.timezone is None:
            return value
        return self.dialect.wall(_name(self.zone), value)

    def day(self, value: ir.Value) -> ir.Value:
        """The local date."""
        return value if value.type().is_date() else self.dialect.day(self.wall(value))

    def moment_like(self, value: ir.Value) -> ir.Value:
        """Now, as something that `value` can be counted from: today for dates."""
        return self.dialect.literal(self.today if value.type().is_date() else instant_of(self.now, self.zone))

    def alike(self, one: ir.Value, other: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Two times that can be compared: both on the local wall clock unless they are of one kind."""
        if one.type().is_date() and other.type().is_date():
            return one, other
        if _is_instant(one) and _is_instant(other):
            return one, other
        return self.dialect.local(self.wall(one)), self.dialect.local(self.wall(other))

    def whole_days(self, earlier: ir.Value, later: ir.Value) -> ir.Value:
        """Days from one time to another, rounded down: of dates calendar days, of times 24 hours.

        A date and a time are counted on the local wall clock, where the date is its midnight.
        """
        say, (earlier, later) = self.dialect, self.alike(earlier, later)
        if earlier.type().is_date():
            return say.days(earlier, later)
        if _is_instant(earlier):
            earlier, later = say.wall("UTC", earlier), say.wall("UTC", later)
        days = say.days(say.day(earlier), say.day(later))
        return days - (say.time_of_day(later) < say.time_of_day(earlier)).ifelse(1, 0)


def sided(left: Any, side: Side, right: Any) -> ir.BooleanValue:
    match side:
        case "=":
            return left == right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right


def _is_instant(value: ir.Value) -> bool:
    kind = value.type()
    return bool(kind.is_timestamp() and kind.timezone is not None)


def _name(zone: tzinfo) -> str:
    """The name by which engines know a zone."""
    named = getattr(zone, "key", None) or str(zone)
    return str(named)
