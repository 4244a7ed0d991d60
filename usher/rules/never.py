"""Conditions that can never hold or are surely slips, whatever the data are, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from usher.rules import nodes
from usher.rules.functions import ROW_FUNCTIONS
from usher.rules.functions.text import is_never_closed
from usher.rules.functions.time import WEEKDAYS
from usher.rules.nearest import Wrong, nearest
from usher.rules.nodes import Node
from usher.rules.schema import Table
from usher.rules.shapes import oriented

_RANGES = {"month": (1, 12), "day_of_month": (1, 31), "hour": (0, 23)}


def never(node: Node, table: Table | None, tables: Mapping[str, Table]) -> Iterator[tuple[Node, Wrong]]:
    """What in a single condition cannot hold; `table`: of whose rows it is asked; `tables`: all with rows."""
    match node:
        case nodes.Comparison():
            sign, value, bound = oriented(node)
            yield from _compared(value, sign, bound)
        case nodes.In(value=value, choices=tuple() as choices):
            for choice in choices:
                yield from _compared(value, "=", choice)
        case nodes.Call(name="match", arguments=(_, nodes.Literal(value=str() as glob) as pattern)):
            if is_never_closed(glob):  # of an event it stands for itself, as Segment has it
                what = (
                    f"The pattern {glob!r} has a [ that is never closed: write \\[ for the character itself."
                )
                yield pattern, (what, None)
        case nodes.Within(period=nodes.Period(count=0) as period):
            yield node, (f"Nothing is within {period.count} {period.unit}s: the shortest time is 1.", None)
        case (
            nodes.Within(value=value, upcoming=True)
            | nodes.Timed(value=value, relation="after", moment=nodes.Period(count=0))
        ):
            if seen := _own_time(value, table, tables):
                advice = "ask for a column of its own, or of a linked table, that says what is to come"
                what = f"Rows of {seen.name} are seen from their {seen.at} on, so none is to come"
                yield node, (f"{what}: {advice}.", None)


def _own_time(value: Node, table: Table | None, tables: Mapping[str, Table]) -> Table | None:
    """The table whose own time a value is: that of a row, or of the first or last of them."""
    match value:
        case nodes.Path(name=name) if table and name == table.at:
            return table
        case nodes.Aggregate(table=of, column=column) if of in tables and column == tables[of].at:
            return tables[of] if column else None
    return None


def _compared(value: Node, sign: str, bound: Node) -> Iterator[tuple[Node, Wrong]]:
    if not isinstance(bound, nodes.Literal):
        return
    if isinstance(value, nodes.Call) and value.name == "day_of_week" and bound.kind == "text":
        if bound.value not in WEEKDAYS:
            day = nearest(str(bound.value), WEEKDAYS)
            names = "day_of_week gives Monday, Tuesday, Wednesday, Thursday, Friday, Saturday or Sunday"
            yield bound, (f'{names}, never "{bound.value}".', f'"{day}"' if day else None)
    elif bound.kind == "number" and (ends := _ends(value)) and not _can_be(sign, float(bound.value), *ends):
        name = value.name if isinstance(value, nodes.Call | nodes.Aggregate) else ""
        yield bound, (f"{name} gives whole numbers from {ends[0]} to {ends[1]}: this can never hold.", None)


def _ends(value: Node) -> tuple[int, int] | None:
    match value:
        case nodes.Call(name="quantile", arguments=(_, nodes.Literal(value=int() as parts))):
            return 1, parts
        case nodes.Call(name=name):
            return _RANGES.get(name)
        case nodes.Aggregate(name=name) if ROW_FUNCTIONS[name].score:
            return 1, 5
    return None


def _can_be(sign: str, bound: float, low: int, high: int) -> bool:
    match sign:
        case "=":
            return low <= bound <= high and bound == int(bound)
        case ">":
            return bound < high
        case ">=":
            return bound <= high
        case "<":
            return bound > low
        case "<=":
            return bound >= low
    return True
