"""Answers that are kept from one moment to the next: only rows that come into sight or leave it are read.

For tables to which rows are only added. To counts and exact sums the difference is added; the least and the
greatest value are compared with those of the new rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.compile.links import names_in
from usher.rules.compile.rows import KEY, Data, Wanted, grouped
from usher.rules.compile.simpler import is_timeless, lasting
from usher.rules.compile.values import Values, shared
from usher.rules.format import format
from usher.rules.nodes import Node
from usher.rules.schema import Schema

if TYPE_CHECKING:
    import ibis

#: A column of the rows that are added up: whether the row was there at the moment before.
KNOWN = "__known"
#: What else may stand in a condition on rows for the answer to be kept.
_OF_ROWS = (
    nodes.Literal
    | nodes.Null
    | nodes.Path
    | nodes.Call
    | nodes.Arithmetic
    | nodes.Comparison
    | nodes.In
    | nodes.Between
    | nodes.IsSet
    | nodes.Within
    | nodes.Timed
    | nodes.Period
    | nodes.Not
    | nodes.And
    | nodes.Or
)

Questions = frozenset[nodes.Aggregate]


def questions(
    rule: Node, schema: Schema, tables: Mapping[str, ibis.Table], able: Collection[str]
) -> Questions | None:
    """What a rule asks of the rows of related tables; None when not all of its answers can be kept.

    `able` are the tables with a time column to which rows are only added. For a rule of which it is known
    what time changes about it (`moves`).
    """
    asked = lasting(rule, schema.tables)
    parts = list(nodes.walk(asked))
    if any(isinstance(part, nodes.Sequence) for part in parts):
        return None
    found = frozenset(shared(part) for part in parts if isinstance(part, nodes.Aggregate))
    return found if all(node.table in able and _adds_up(node, schema, tables) for node in found) else None


def _adds_up(node: nodes.Aggregate, schema: Schema, tables: Mapping[str, ibis.Table]) -> bool:
    columns = schema.tables[node.table].columns
    used = [*names_in(node.where), *([node.column] if node.column else [])]
    inside = nodes.walk(node.where) if node.where else []
    if any(name not in columns for name in used) or not all(isinstance(part, _OF_ROWS) for part in inside):
        return False
    kind: Any = tables[node.table][node.column].type() if node.column else None
    match node.name:
        case "count":
            return True
        case "sum":
            return bool(kind.is_integer() or kind.is_decimal())
        case "min" | "max":
            exact = kind.is_temporal() or kind.is_integer() or kind.is_decimal()
            return bool(exact and is_timeless(node.where))
    return False


def column_of(node: nodes.Aggregate) -> str:
    """The name of the column with the answers to a question."""
    return "q_" + hashlib.sha256(format(node).encode()).hexdigest()[:16]


def joins(node: nodes.Aggregate) -> Literal["sum", "min", "max"]:
    """The aggregate that makes one answer of several that were found in different rows."""
    return "min" if node.name == "min" else "max" if node.name == "max" else "sum"


def kind_of(node: nodes.Aggregate, tables: Mapping[str, ibis.Table]) -> str:
    """DuckDB's type in which answers are kept: exact, and as narrow as serves (else it is an error)."""
    if node.name == "count":
        return "BIGINT"
    kind: Any = tables[node.table][node.column].type()
    if node.name != "sum":
        return ""
    if kind.is_integer():
        return "BIGINT" if kind.nbytes <= 4 else "DECIMAL(38, 0)"
    return f"DECIMAL({18 if kind.precision and kind.precision <= 12 else 38}, {kind.scale or 0})"


def answers(
    name: str,
    asked: Sequence[nodes.Aggregate],
    schema: Schema,
    tables: Mapping[str, ibis.Table],
    now: datetime,
    zone: tzinfo,
) -> ibis.Table:
    """A row per key that has such rows of the table, the key in `KEY`, and a column per question."""
    wanted: Wanted = dict.fromkeys(asked)
    found, columns = grouped(name, wanted, Data(schema, tables, Clock(now, zone)))
    return found.select(KEY, **{column_of(node): found[columns[node]] for node in asked})


def differences(
    name: str,
    asked: Sequence[nodes.Aggregate],
    schema: Schema,
    rows: ibis.Table,
    moments: tuple[datetime, datetime],
    zone: tzinfo,
) -> ibis.Table:
    """What the answers changed by between two moments, as `answers`.

    `rows` of the table: at least those that came into sight or left it, or for which a condition was not what
    it was. `KNOWN` tells which of them were there at the first moment.
    """
    table = schema.tables[name]
    before, now = (Values(rows, Clock(moment, zone)) for moment in moments)

    def holds(values: Values, node: nodes.Aggregate) -> Any:
        seen = values.clock.compare(rows[table.at], "<=", values.clock.now)
        found = seen & values.condition(node.where) if node.where else seen
        return found.fill_null(False)

    def difference(node: nodes.Aggregate) -> Any:
        import ibis

        was, is_now = holds(before, node) & rows[KNOWN], holds(now, node)
        if node.name in ("min", "max"):
            column = ibis.cases((is_now, rows[node.column]))
            return column.min() if node.name == "min" else column.max()
        if node.name == "count":
            return ibis.cases((is_now & ~was, 1), (was & ~is_now, -1), else_=0).sum()
        value = rows[node.column]
        return ibis.cases((is_now & ~was, value), (was & ~is_now, -value)).sum()

    return rows.group_by(**{KEY: rows[table.key]}).aggregate(
        **{column_of(node): difference(node) for node in asked}
    )
