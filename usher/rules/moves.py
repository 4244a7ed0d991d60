"""For whom a rule can change by time alone: the rows over which a window's edge passes between two moments.

Only what is known here to hold is answered; whatever else a rule holds needs a look at everybody (None).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Literal

from usher.rules import nodes
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.kept import column_of
from usher.rules.moments import shifted
from usher.rules.nodes import Node, Period
from usher.rules.schema import Schema


@dataclass(frozen=True, order=True)
class Span:
    """Rows whose `column` is later than `after` and not later than `until` (of a date: its midnight).

    The table is the subject's own, or a related one. `answer` names the question (`kept.column_of`) where it
    is enough to look at those for whom its answer is such a moment.
    """

    table: str
    column: str
    after: datetime
    until: datetime
    answer: str = ""


Moves = frozenset[Span]

#: What each node may consist of: a node that has learned something new since is not known any more.
_KNOWN: Mapping[type[Node], frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        nodes.Literal: "value kind",
        nodes.Null: "",
        nodes.Path: "steps",
        nodes.Call: "name arguments",
        nodes.Arithmetic: "operator left right",
        nodes.Comparison: "operator left right",
        nodes.In: "value choices",
        nodes.Between: "value low high",
        nodes.IsSet: "value negated",
        nodes.Within: "value period upcoming",
        nodes.Timed: "value relation moment",
        nodes.Period: "count unit",
        nodes.Not: "part",
        nodes.And: "parts",
        nodes.Or: "parts",
        nodes.Aggregate: "name table column where",
        nodes.Membership: "kind name",
        nodes.Among: "condition base",
        nodes.Sample: "condition percent name",
    }.items()
}
#: Functions of rows whose value of a column is that of one of the rows.
_OF_ONE_ROW = frozenset({"min", "max", "first", "last"})


def _moves(function: str) -> bool:
    """Whether a function of values can change by time, or by what others do."""
    found = FUNCTIONS.get(function)
    return found is None or found.moves or found.of_all


class _UnknownError(Exception):
    """Something in the rule about which nothing is known here."""


def moves(node: Node, schema: Schema, before: datetime, now: datetime, zone: tzinfo) -> Moves | None:
    """The rows whose customers have to be looked at again as of `now`, when nothing but time has passed.

    Whoever has no row in any of the spans has the same answer as of `before`. None: only a look at everybody
    is exact. For a rule without problems; `before` is not later than `now`.
    """
    try:
        return frozenset(_Reader(schema, before, now, zone).spans(node, None))
    except _UnknownError:
        return None


class _Reader:
    def __init__(self, schema: Schema, before: datetime, now: datetime, zone: tzinfo) -> None:
        self.schema = schema
        self.before = before
        self.now = now
        self.zone = zone

    def spans(self, node: Node, table: str | None) -> Iterator[Span]:
        """`table` is the related table in whose `where` the node stands; None: it is about the subject."""
        if _KNOWN.get(type(node)) != frozenset(nodes.parts_of(type(node))):
            raise _UnknownError
        match node:
            case nodes.Call(name=name) if _moves(name):
                raise _UnknownError
            case nodes.Path(steps=(_, _, *_)) if any(one.at for one in self.schema.lookups.values()):
                raise _UnknownError  # a row that is reached through a link may come into sight
            case nodes.Aggregate():
                yield from self.rows(node)
                return
            case nodes.Within(value=value, period=period, upcoming=upcoming):
                yield from self.passed(value, table, None)
                yield from self.passed(value, table, period, 1 if upcoming else -1)
            case nodes.Timed(value=value, moment=Period() as period):
                yield from self.passed(value, table, period)
        for child in nodes.children(node):
            yield from self.spans(child, table)

    def rows(self, node: nodes.Aggregate) -> Iterator[Span]:
        """A row comes into sight at its moment; and its own condition may have windows."""
        function = ROW_FUNCTIONS.get(node.name)
        linked = "." in (node.column or "") and any(one.at for one in self.schema.lookups.values())
        if function is None or function.score or linked or node.table not in self.schema.tables:
            raise _UnknownError
        if at := self.schema.tables[node.table].at:
            yield self.span(node.table, at, self.before, self.now)
        if node.where:
            yield from self.spans(node.where, node.table)

    def passed(
        self, value: Node, table: str | None, period: Period | None, way: Literal[-1, 1] = -1
    ) -> Iterator[Span]:
        """The rows with a value that the edge of a window (now, or a period from now) went over."""
        edges = [self.before, self.now]
        if period:
            edges = [shifted(moment, period, self.zone, way) for moment in edges]
        match value:
            case nodes.Path():
                yield self.span(table or self.schema.subject, value.name, *edges)
            case nodes.Aggregate(name=name, column=str() as column) if name in _OF_ONE_ROW:
                yield replace(self.span(value.table, column, *edges), answer=column_of(value))
            case _:
                raise _UnknownError

    def span(self, table: str, column: str, *edges: datetime) -> Span:
        columns = self.schema.columns if table == self.schema.subject else self.schema.tables[table].columns
        if column not in columns:
            raise _UnknownError  # reached through a link
        # a calendar step may go back by an hour where clocks are set
        return Span(table, column, min(edges), max(edges))
