"""What the rows that came, and those that a window's edge passed over, change about kept answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from usher.audiences import numbers
from usher.audiences.ledger import EMPTY, Numbers
from usher.audiences.spans import bounds, in_sight, joined
from usher.rules import kept, nodes
from usher.rules.clock import Clock
from usher.rules.compile.simpler import is_timeless
from usher.rules.moves import Moves
from usher.rules.nodes import Node
from usher.sources import sql
from usher.sources.changed import moment

if TYPE_CHECKING:
    from usher.audiences.keeping import Column
    from usher.audiences.work import Work

Truths = NDArray[np.bool_]
#: A sum of amounts that is as great as this is no longer one of whole numbers that are told from each other.
_GREAT = 1e16


class Moving:
    """Of a table to which rows are only added those that matter to some questions now, as arrays.

    `asked`: by question what it asks, and where its answers stand. Rows outside of `spans` do not matter,
    unless they came since the evaluation before.
    """

    def __init__(
        self, work: Work, name: str, asked: Mapping[str, tuple[nodes.Aggregate, Column]], spans: Moves
    ) -> None:
        assert work.before
        self.work = work
        self.name = name
        self.asked = asked
        before, now = work.before.run.now, work.run.now
        #: The two moments, each with the column that says whether a row was in sight.
        self.clocks = {
            "known": Clock(before, work.keeping.zone),
            "seen": Clock(now, work.keeping.zone),
        }
        #: The columns of the rows: conditions, and numbers with their SQL.
        self.conditions: dict[tuple[Node, datetime], str] = {}
        self.numbers: dict[str, str] = {}
        for node, column in asked.values():
            self._prepare(node, column)
        self.rows = self._read(spans)

    @property
    def keys(self) -> pa.ChunkedArray:
        """Of each row; never null."""
        return self.rows["key"]

    def changes(self, question: str) -> tuple[NDArray[np.intp], Numbers]:
        """The rows that change the answers to a question, and what each puts to them."""
        node, column = self.asked[question]
        was, is_now = (self._holds(node, seen) for seen in self.clocks)
        by = kept.joins(node)
        rows = np.flatnonzero(was != is_now if by == "sum" else is_now & ~was)
        amounts = np.ones(len(rows), np.int64)
        if node.column:
            amounts = self._column(self.numbers[self._amount(node, column)])[rows]
        if by == "sum":
            amounts = np.where(is_now[rows], amounts, -amounts)
            if float(np.abs(amounts).sum(dtype=np.float64)) >= _GREAT:
                raise duckdb.OutOfRangeException("amounts are too great to be added up exactly")
        return rows, amounts

    def _prepare(self, node: nodes.Aggregate, column: Column) -> None:
        windows, rest = kept.windows(node)
        for window in windows:
            self._number(self._time(window))
        if rest:
            for clock in self.clocks.values():
                self.conditions.setdefault(self._condition(rest, clock), f"c{len(self.conditions)}")
        if node.column:
            self._number(self._amount(node, column))

    def _number(self, query: str) -> None:
        self.numbers.setdefault(query, f"n{len(self.numbers)}")

    def _condition(self, rest: Node, clock: Clock) -> tuple[Node, datetime]:
        """What time does not change is asked once."""
        return rest, self.clocks["seen"].now if is_timeless(rest) else clock.now

    def _time(self, window: nodes.Within | nodes.Timed) -> str:
        name = _name(window)
        return numbers.whole(sql.name(name), self._kind(name), "max")

    def _kind(self, column: str) -> str:
        kind = self.work.opened.opened[self.name].kinds[column]
        return kind if kind == "DATE" else "TIMESTAMP WITH TIME ZONE"

    def _amount(self, node: nodes.Aggregate, column: Column) -> str:
        return numbers.whole(sql.name(node.column or ""), column["type"], kept.joins(node))

    def _holds(self, node: nodes.Aggregate, seen: str) -> Truths:
        """Of which rows the condition of a question holds at one of the two moments."""
        windows, rest = kept.windows(node)
        found, clock = self._column(seen), self.clocks[seen]
        if rest:
            found = found & self._column(self.conditions[self._condition(rest, clock)])
        for window in windows:
            times = self._column(self.numbers[self._time(window)])
            for bound in self._bounds(window, clock):
                found = found & numbers.sided(times, bound)
            found = found & (times != EMPTY["max"])
        return found

    def _bounds(self, window: nodes.Within | nodes.Timed, clock: Clock) -> Iterator[numbers.Bound]:
        kind = self._kind(_name(window))
        for side, end in numbers.ends_of(window, clock):
            yield numbers.bound(side, end, kind, clock.zone)

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self._arrays:
            self._arrays[name] = self.rows[name].to_numpy()
        return self._arrays[name]

    def _read(self, spans: Moves) -> pa.Table:
        """The rows that came since, and those over which the edge of a window passed."""
        work, before = self.work, self.work.before
        assert before
        self._arrays: dict[str, NDArray[Any]] = {}
        one, newest = work.opened.opened[self.name], moment(before.marks[self.name])
        at, source = sql.name(one.table.at), sql.name(self.name)
        if self.conditions:
            asked = {name: condition for condition, name in self.conditions.items()}
            rows = kept.conditions(asked, work.opened.tables[self.name], work.keeping.zone)
            source = f"({work.opened.connection.compile(rows)})"
        # a row comes into sight at its moment
        seen = [in_sight(work.opened, self.name, now) for now in (before.run.now, work.run.now)]
        passed = [" AND ".join(bounds(work.opened, span)) for span in joined(spans)]
        shown = [f"{query} AS {name}" for query, name in self.numbers.items()]
        query = (
            f"SELECT {', '.join([f'{sql.name(one.key)} AS key', *shown, *self.conditions.values()])},"
            f" {at} <= {newest} AND {seen[0]} AS known, {seen[1]} AS seen FROM {source}"
            f" WHERE ({at} > {newest}{''.join(f' OR ({one})' for one in passed if one)})"
            f" AND {sql.name(one.key)} IS NOT NULL"
        )
        return work.connection.sql(query).to_arrow_table()


def _name(window: nodes.Within | nodes.Timed) -> str:
    assert isinstance(window.value, nodes.Path)
    return window.value.name
