"""Answers that are kept from one moment to the next: only rows that come into sight or leave it are read.

For tables to which rows are only added. To counts and exact sums the difference is added; the least and the
greatest value are compared with those of the new rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.compile.links import names_in
from usher.rules.compile.rows import KEY, Data, Wanted, grouped
from usher.rules.compile.simpler import conjuncts, is_timeless, joined
from usher.rules.compile.values import Values, shared
from usher.rules.format import format
from usher.rules.nodes import Node
from usher.rules.schema import Schema

if TYPE_CHECKING:
    import ibis

#: A whole number and so many decimals at most are kept as a whole number.
DECIMALS = 9
#: Ibis's types of whole numbers, and DuckDB's.
_WHOLE: Mapping[str, str] = {
    f"{sign}int{bits}": sign.upper() + name
    for bits, name in ((8, "TINYINT"), (16, "SMALLINT"), (32, "INTEGER"), (64, "BIGINT"))
    for sign in ("", "u")
}
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
    """What a `lasting` rule asks of the rows of related tables; None when not all answers can be kept.

    `able` are the tables with a time column to which rows are only added. For a rule of which it is known
    what time changes about it (`moves`).
    """
    parts = list(nodes.walk(rule))
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
            return _is_whole(kind)
        case "min" | "max":
            moment = kind.is_date() or (kind.is_timestamp() and kind.timezone)
            return bool(moment or _is_whole(kind)) and is_timeless(node.where)
    return False


def _is_whole(kind: Any) -> bool:
    """Whether values are whole numbers of something small, which are added up exactly."""
    return _named(kind) in _WHOLE or bool(kind.is_decimal() and kind.precision and kind.scale <= DECIMALS)


def _named(kind: Any) -> str:
    return str(kind.copy(nullable=True))


@lru_cache(10_000)
def column_of(node: nodes.Aggregate) -> str:
    """The name of the column with the answers to a question."""
    return "q_" + hashlib.sha256(format(node).encode()).hexdigest()[:16]


def joins(node: nodes.Aggregate) -> Literal["sum", "min", "max"]:
    """The aggregate that makes one answer of several that were found in different rows."""
    return "min" if node.name == "min" else "max" if node.name == "max" else "sum"


def kind_of(node: nodes.Aggregate, tables: Mapping[str, ibis.Table]) -> str:
    """DuckDB's type of the answers to a question that can be kept."""
    kind: Any = tables[node.table][node.column].type() if node.column else None
    if kind is None or (node.name == "sum" and kind.is_integer()):
        return "BIGINT"
    if kind.is_decimal():
        return f"DECIMAL({38 if node.name == 'sum' else kind.precision}, {kind.scale})"
    if kind.is_timestamp():
        return "TIMESTAMP WITH TIME ZONE"
    return "DATE" if kind.is_date() else _WHOLE[_named(kind)]


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


def windows(node: nodes.Aggregate) -> tuple[list[nodes.Within | nodes.Timed], Node | None]:
    """What a question's condition says of a row's own times as seen from now; and all else of it."""
    parts = conjuncts(node.where)
    found = [part for part in parts if _is_window(part)]
    return found, joined(tuple(part for part in parts if not _is_window(part)))


def _is_window(part: Node) -> TypeGuard[nodes.Within | nodes.Timed]:
    match part:
        case nodes.Within(value=nodes.Path()) | nodes.Timed(value=nodes.Path(), moment=nodes.Period()):
            return True
    return False


def conditions(asked: Mapping[str, tuple[Node, datetime]], rows: ibis.Table, zone: tzinfo) -> ibis.Table:
    """The rows with a column, never null, for each condition as of a moment."""
    return rows.mutate(
        **{
            name: Values(rows, Clock(moment, zone)).condition(node).fill_null(False)
            for name, (node, moment) in asked.items()
        }
    )
