"""What an evaluation knows of time: its moment, its zone, and how columns are compared with moments."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from usher.rules import nodes
from usher.rules.errors import RuleError
from usher.rules.moments import Side, date_bound, instant_of, local_time, moment_of

if TYPE_CHECKING:
    import ibis.expr.types as ir


class Clock:
    """An evaluation's moment and zone; compares columns of dates, local times or instants with moments."""

    def __init__(self, now: datetime, zone: tzinfo) -> None:
        self.now = now
        self.zone = zone

    def compare(self, value: ir.Value, side: Side, moment: datetime) -> ir.BooleanValue:
        import ibis

        kind = value.type()
        if kind.is_date():
            bound = date_bound(side, moment, self.zone)
            return sided(value, bound[0], ibis.literal(bound[1])) if bound else ibis.literal(False)
        if not kind.is_timestamp():
            raise RuleError(f"{value.get_name()} should be a date or a time, and is {kind} in the source.")
        if kind.timezone is None:
            return sided(value, side, ibis.literal(local_time(moment, self.zone)))
        return sided(value, side, ibis.literal(instant_of(moment, self.zone)))

    def written(self, literal: nodes.Literal) -> datetime:
        moment: date | datetime | None = moment_of(str(literal.value))
        if moment is None:
            raise RuleError(f'"{literal.value}" is not a date.')
        return instant_of(moment, self.zone)


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
