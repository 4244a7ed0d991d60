"""Aggregates: one grouped scan of each related table answers the questions of all rules about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.compile.links import linked, names_in
from usher.rules.compile.simpler import conjuncts, is_recent, joined
from usher.rules.compile.values import Values, shared
from usher.rules.functions import ROW_FUNCTIONS
from usher.rules.moments import shifted
from usher.rules.nodes import Node
from usher.rules.schema import Schema, Table

if TYPE_CHECKING:
    import ibis

KEY = "__key"


@dataclass(frozen=True)
class Data:
    """What all parts of a compilation share."""

    schema: Schema
    tables: Mapping[str, ibis.Table]
    clock: Clock


#: For each question asked of a table, the moment that it looks back to; None: all rows.
Wanted = dict[nodes.Aggregate, datetime | None]


def wanted(expressions: Iterable[Node], data: Data) -> dict[str, Wanted]:
    """The questions about each table, each once."""
    found: dict[str, Wanted] = {}
    for node, since in _asked(expressions, data):
        questions = found.setdefault(node.table, {})
        known = questions.get(node, since)
        questions[node] = None if since is None or known is None else min(since, known)
    return found


def _asked(expressions: Iterable[Node], data: Data) -> Iterator[tuple[nodes.Aggregate, datetime | None]]:
    """Questions, and since when. Who asks whether the latest row is recent does not care for old ones."""
    for node in expressions:
        match node:
            case nodes.Within(value=nodes.Aggregate(name="max") as latest, upcoming=False):
                at = data.schema.tables[latest.table].at
                yield latest, _edge(node, data.clock) if latest.column == at else None
            case nodes.Aggregate():
                yield shared(node), None
            case _:
                yield from _asked(nodes.children(node), data)


def _edge(node: Node, clock: Clock) -> datetime:
    assert isinstance(node, nodes.Within)
    return shifted(clock.now, node.period, clock.zone, -1)


def grouped(name: str, questions: Wanted, data: Data) -> tuple[ibis.Table, dict[Node, str]]:
    """A row per key that has such rows, the key in `KEY`, and which column answers which question."""
    values, left = _asked_of(name, questions, data)
    table = data.schema.tables[name]
    answers: dict[Node, str] = {node: f"__{number}" for number, node in enumerate(questions)}
    columns = {
        column: _compiled(table, values, node) for column, node in zip(answers.values(), left, strict=True)
    }
    return values.table.group_by(**{KEY: values.table[table.key]}).aggregate(**columns), answers


def keys_of(node: nodes.Aggregate, data: Data) -> ibis.Table:
    """The keys, named `KEY`, that have such rows; some more than once."""
    values, _ = _asked_of(node.table, {node: None}, data)
    rows = values.table
    key = rows[data.schema.tables[node.table].key]
    return rows.filter(key.notnull()).select(**{KEY: key})


def favourites(node: nodes.Aggregate, data: Data) -> tuple[ibis.Table, dict[Node, str]]:
    """The most frequent value of each key: the rows of each value are counted first; of several the least."""
    import ibis

    values, (left,) = _asked_of(node.table, {node: None}, data)
    value = values.value(nodes.Path((node.column or "",)))
    known = value.notnull() & values.condition(left.where) if left.where else value.notnull()
    key = data.schema.tables[node.table].key
    rows = values.table.select(**{KEY: values.table[key], "value": value}, known=known)
    rows = rows.filter(rows["known"])
    counts = rows.group_by([KEY, "value"]).aggregate(rows=rows.count())
    value = data.clock.dialect.sortable(counts["value"])
    first = ibis.window(group_by=counts[KEY], order_by=[counts["rows"].desc(), value.asc()])
    placed = counts.mutate(place=ibis.row_number().over(first))
    return placed.filter(placed["place"] == 0).select(KEY, "value"), {node: "value"}


def _asked_of(name: str, questions: Wanted, data: Data) -> tuple[Values, list[nodes.Aggregate]]:
    """The rows that matter to any of the questions, and the questions without what they have in common."""
    table = data.schema.tables[name]
    rows = seen(table, data)
    since = [_latest(node, questions[node], table, data.clock) for node in questions]
    if all(since):
        earliest = min(moment for moment in since if moment)
        rows = rows.filter(data.clock.compare(rows[table.at], ">", earliest))
    used = [node.column for node in questions if node.column]
    used += [path for node in questions for path in names_in(node.where)]
    rows, names = linked(rows, used, table.columns, table.links, data.schema, data.tables, data.clock.dialect)
    common, left = _factored(list(questions))
    if common is not None:
        rows = rows.filter(Values(rows, data.clock, names).condition(common))
    return Values(rows, data.clock, names), left


def seen(table: Table, data: Data) -> ibis.Table:
    """The rows up to now."""
    rows = data.tables[table.name]
    return rows.filter(data.clock.compare(rows[table.at], "<=", data.clock.now)) if table.at else rows


def _latest(node: nodes.Aggregate, since: datetime | None, table: Table, clock: Clock) -> datetime | None:
    """Older rows than this cannot change the answer; None: all can."""
    edges = [_edge(part, clock) for part in conjuncts(node.where) if is_recent(part, table)]
    return max([since, *edges] if since else edges, default=None)


def _factored(questions: list[nodes.Aggregate]) -> tuple[Node | None, list[nodes.Aggregate]]:
    """The conditions that all questions share, and the questions without them."""
    first, *others = [conjuncts(node.where) for node in questions]
    common = [part for part in first if all(part in other for other in others)]
    left = [
        replace(node, where=joined(tuple(part for part in conjuncts(node.where) if part not in common)))
        for node in questions
    ]
    return joined(tuple(common)), left


def _compiled(table: Table, values: Values, node: nodes.Aggregate) -> Any:
    function = ROW_FUNCTIONS[node.name].ibis
    assert function is not None, node.name
    where = values.condition(node.where) if node.where else None
    column = values.value(nodes.Path((node.column,))) if node.column else None
    return function(values.clock, values.table, column, where, values.table[table.at] if table.at else None)
