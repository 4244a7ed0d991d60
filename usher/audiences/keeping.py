"""Answers about append-only tables, kept with each evaluation: the next one adds only what came and went.

They stand in ledgers as whole numbers: counts and sums (of cents, say), to which differences are added, and
least and greatest values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict
from zoneinfo import ZoneInfo

import pyarrow as pa
from django.conf import settings

from usher.audiences import numbers
from usher.audiences.failing import reason
from usher.audiences.ledger import EMPTY, By, Ledger, begin
from usher.audiences.spans import bounds, in_sight, joined, within
from usher.rules import kept, nodes
from usher.rules.compile.links import names_in
from usher.rules.compile.rows import KEY
from usher.rules.compile.simpler import lasting
from usher.rules.moves import Moves, Span
from usher.sources import sql
from usher.sources.changed import moment

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from usher.audiences.rulebook import Entry
    from usher.audiences.work import Group, Work

#: So many ledgers about one table are made one.
LEDGERS = 4

#: How a rule moves between two evaluations.
Moving = Callable[[nodes.Node], Moves | None]


class Column(TypedDict):
    """Where the answers to a question stand: the name in one of the ledgers, and DuckDB's type."""

    name: str
    type: str


@dataclass
class Kept:
    """The kept answers about one table, as of the evaluation before or, when it is under way, of this one."""

    #: By question: those that are asked now.
    columns: dict[str, Column] = field(default_factory=dict)
    ledgers: list[Ledger] = field(default_factory=list)

    @classmethod
    def of(cls, mark: Mapping[str, Any]) -> Kept:
        ledgers = [Ledger.of(one) for one in mark.get("ledgers", ())]
        return cls(dict(mark["columns"]), ledgers) if all(one.is_there for one in ledgers) else cls()

    def mark(self, scratch: Path, home: Path) -> dict[str, Any]:
        return {"columns": self.columns, "ledgers": [one.mark(scratch, home) for one in self.ledgers]}

    @property
    def by(self) -> dict[str, By]:
        """Of each column of the ledgers."""
        return {name: by for ledger in self.ledgers for name, by in ledger.columns.items()}

    def placed(self) -> Iterator[tuple[str, Column, By]]:
        """Each question with where its answers stand."""
        by = self.by
        yield from ((one, column, by[column["name"]]) for one, column in self.columns.items())


def files(marks: Mapping[str, Any]) -> set[Path]:
    """The files that an evaluation's marks speak of."""
    found = (Ledger.of(one) for mark in marks.values() for one in mark.get("ledgers", ()))
    return {file for ledger in found for file in ledger.files}


class Keeping:
    """The kept answers while an evaluation is worked out."""

    def __init__(self, work: Work) -> None:
        self.work = work
        #: Column of an entry -> what it asks, where all of that can be kept.
        self.asked: dict[str, kept.Questions] = {}
        #: Column of such an entry -> what time changes about it, in terms of these questions.
        self.moving: dict[str, Moves] = {}
        self.tables: dict[str, Kept] = {}
        #: The entries that are answered by what is kept, in this evaluation.
        self.ready: frozenset[str] = frozenset()
        #: Those that are not yet, since something that they ask was not kept before.
        self.not_yet: frozenset[str] = frozenset()
        self.zone = ZoneInfo(settings.TIME_ZONE)

    @property
    def able(self) -> frozenset[str]:
        """The tables to which rows are only added."""
        tables: Mapping[str, Mapping[str, Any]] = self.work.run.marks["tables"]
        return frozenset(name for name, mark in tables.items() if mark["way"] == "append")

    def plan(self, entries: Iterable[Entry], moves: Moving) -> None:
        """Find the entries whose answers can be kept; `moves` tells what time changes about a rule."""
        before, self.moves = self.work.before, moves
        schema, tables, able = self.work.book.schema, self.work.opened.tables, self.able
        for entry in entries:
            last = before.good(entry.column) if before else None
            rule = lasting(entry.node, schema.tables)
            moving = moves(rule)
            if moving is None or (last and last.error):
                continue
            found = kept.questions(rule, schema, tables, able)
            if found:
                self.asked[entry.column], self.moving[entry.column] = found, moving

    def questions(self, table: str) -> dict[str, nodes.Aggregate]:
        """All that is asked of a table, by name."""
        found = {node for asked in self.asked.values() for node in asked if node.table == table}
        return {kept.column_of(node): node for node in sorted(found, key=kept.column_of)}

    def carry(self) -> list[str]:
        """Bring what was kept before to this evaluation's moment; queries of the keys that are concerned."""
        assert self.work.before
        marks = self.work.before.run.marks.get("kept", {})
        concerned: list[str] = []
        for name in sorted(self.able & marks.keys()):
            old, asked = Kept.of(marks[name]), self.questions(name)
            found = Kept({one: at for one, at in old.columns.items() if one in asked}, old.ledgers)
            if found.columns and self._tried(name, partial(self._differ, name, found)):
                self.tables[name] = found
                concerned += self._concerned(name, found)
        self._settle()
        return concerned

    def add(self) -> None:
        """Write down the differences that `carry` found."""
        connection, folder = self.work.connection, self.work.folder
        for name, found in self.tables.items():
            for number, ledger in enumerate(found.ledgers):
                ending, keys = f"{name}_{number}", f"SELECT key FROM {_difference(name, number)}"
                if not sql.row(connection, f"SELECT count(*) FROM ({keys})")[0]:
                    continue
                place = ledger.find(connection, ending, keys)
                newly = f"FROM (SELECT DISTINCT key FROM ({keys})) ANTI JOIN {place} USING (key)"
                if sql.row(connection, f"SELECT count(*) {newly}")[0]:
                    ledger.more_keys(connection, f"SELECT key {newly}", folder / f"keys_{ending}.arrow")
                    place = ledger.find(connection, ending, keys)
                changes = "SELECT question, place, number"
                changes += f" FROM {_difference(name, number)} JOIN {place} USING (key)"
                ledger.add(connection, changes, folder / f"added_{ending}.arrow")

    def anew(self) -> None:
        """Answer from all rows what was not kept before; to be used for everybody, or from now on."""
        for name in sorted(self.able):
            found = self.tables.get(name, Kept())
            missing = {one: node for one, node in self.questions(name).items() if one not in found.columns}
            if missing:
                self._answer(name, missing)
        self._settle()

    def forget(self) -> None:
        """What was kept is of no use."""
        self.tables, self.ready, self.not_yet = {}, frozenset(), frozenset()

    def group(self, column: str) -> Group:
        """Whether an entry is answered by what is kept, or by other rows."""
        return "kept" if column in self.ready else "other"

    def of(self, whole: bool) -> Mapping[str, ir.Table]:
        """The answers of everybody, or of the affected customers that `near` has read, as Ibis's tables."""
        if whole:
            for name, found in self.tables.items():
                self._show(f"whole_kept_{name}", found, self._together(name, found))
        which = "whole" if whole else "near"
        return {name: self.work.opened.connection.table(f"{which}_kept_{name}") for name in self.tables}

    def near(self) -> None:
        """Read the answers of those among the affected who are concerned."""
        concerned = "SELECT key FROM affected WHERE kept IS NOT NULL"
        for name, found in self.tables.items():
            places = [
                ledger.find(self.work.connection, f"{name}_{number}", concerned)
                for number, ledger in enumerate(found.ledgers)
            ]
            shown = "".join(f", {one}.place AS place{number}" for number, one in enumerate(places))
            joins = "".join(f" LEFT JOIN {one} USING (key)" for one in places)
            query = f"SELECT a.key{shown} FROM affected a{joins} WHERE a.kept IS NOT NULL"
            rows = self.work.connection.sql(query).to_arrow_table()
            columns = {"key": rows["key"]}
            for number, ledger in enumerate(found.ledgers):
                columns |= ledger.among(rows[f"place{number}"].fill_null(-1).to_numpy())
            self.work.connection.register(f"near_numbers_{name}", pa.table(columns))
            self._show(f"near_kept_{name}", found, f"FROM {sql.name(f'near_numbers_{name}')}")

    def marks(self) -> dict[str, Any]:
        """What the next evaluation goes on from; ledgers with many differences are begun anew before."""
        folder, home = self.work.folder, self.work.run.folder
        for name, found in self.tables.items():
            if any(one.is_full for one in found.ledgers) or len(found.ledgers) > LEDGERS:
                self._tried(name, partial(self._begin_anew, name, found))
        return {name: found.mark(folder, home) for name, found in self.tables.items()}

    def _settle(self) -> None:
        known = {(name, one) for name, found in self.tables.items() for one in found.columns}
        self.ready = frozenset(
            column
            for column, asked in self.asked.items()
            if column not in self.not_yet and all((one.table, kept.column_of(one)) in known for one in asked)
        )

    def _tried(self, name: str, act: Callable[[], None]) -> bool:
        """Whether it went well; else nothing is kept of the table this time, and its rows are read."""
        try:
            act()
        except Exception as problem:
            if reason(problem) is None:
                raise
            self.tables.pop(name, None)
            self.asked = {
                column: asked
                for column, asked in self.asked.items()
                if all(node.table != name for node in asked)
            }
            return False
        return True

    def _differ(self, name: str, found: Kept) -> None:
        """A table with the differences for each ledger: `question` (the column's place), `key`, `number`."""
        work, before = self.work, self.work.before
        assert before
        asked = self.questions(name)
        self._read_moving(name, [asked[one] for one in found.columns])
        rows, moments = work.opened.connection.table(f"moving_{name}"), (before.run.now, work.run.now)
        changes = kept.differences(
            [asked[one] for one in found.columns], work.book.schema.tables[name], rows, moments, self.zone
        )
        table = sql.name(f"differences_{name}")
        work.connection.execute(f"CREATE TABLE {table} AS {work.opened.connection.compile(changes)}")
        for number, ledger in enumerate(found.ledgers):
            places = {column: place for place, column in enumerate(ledger.columns)}
            queries = [
                f"SELECT {places[column['name']]}::SMALLINT AS question, {KEY} AS key,"
                f" {numbers.whole(f'{by}({one})', column['type'], by)} AS number"
                f" FROM {table} WHERE {one} {'<> 0' if by == 'sum' else 'IS NOT NULL'} AND {KEY} IS NOT NULL"
                f" GROUP BY {KEY} HAVING number <> {EMPTY[by]}"
                for one, column, by in found.placed()
                if column["name"] in places
            ]
            target = _difference(name, number)
            columns = f"question SMALLINT, key {work.key_type}, number BIGINT"
            work.connection.execute(f"CREATE TABLE {target} ({columns})")
            if queries:
                work.connection.execute(f"INSERT INTO {target} {' UNION ALL '.join(queries)}")

    def _read_moving(self, name: str, asked: Iterable[nodes.Aggregate]) -> None:
        """The rows that came since, and those over which the edge of a window passed, as a table."""
        work, before = self.work, self.work.before
        assert before
        one, newest = work.opened.opened[name], moment(before.marks[name])
        at = one.table.at
        used = {one.key, at}
        spans: set[Span] = set()
        for node in asked:
            used |= {*names_in(node.where), *([node.column] if node.column else [])}
            spans |= self.moves(node) or set()
        # a row comes into sight at its moment
        seen = [in_sight(work.opened, name, now) for now in (before.run.now, work.run.now)]
        passed = [" AND ".join(bounds(work.opened, span)) for span in joined(spans)]
        work.connection.execute(
            f"CREATE TABLE {sql.name(f'moving_{name}')} AS SELECT {', '.join(map(sql.name, sorted(used)))},"
            f" {sql.name(at)} <= {newest} AND {seen[0]} AS {kept.KNOWN}, {seen[1]} AS {kept.SEEN}"
            f" FROM {sql.name(name)}"
            f" WHERE {sql.name(at)} > {newest}{''.join(f' OR ({one})' for one in passed if one)}"
        )

    def _concerned(self, name: str, found: Kept) -> Iterator[str]:
        """Queries of the keys with differences, and with an answer over which the edge of a window passed."""
        spans = {span for moving in self.moving.values() for span in moving if span.answer in found.columns}
        for number, ledger in enumerate(found.ledgers):
            yield f"SELECT DISTINCT key FROM {_difference(name, number)}"
            for one, column in found.columns.items():
                passed = [numbers.ends(span, column["type"]) for span in spans if span.answer == one]
                if passed and column["name"] in ledger.columns:
                    places = pa.array(within(ledger.column(column["name"]), passed))
                    keys = f"moving_past_{name}_{one}"
                    self.work.connection.register(keys, ledger.places.select(["key"]).take(places))
                    yield f"SELECT key FROM {sql.name(keys)}"

    def _answer(self, name: str, missing: Mapping[str, nodes.Aggregate]) -> None:
        """Begin to keep what is missing. What cannot be is found by halving, and is read; the rest stays.

        Whom to look at was decided by what is kept of the table already, so that must not be given up.
        """
        try:
            self._begin(name, missing)
        except Exception as problem:
            if reason(problem) is None:
                raise
            if len(missing) == 1:
                self.asked = {
                    column: asked
                    for column, asked in self.asked.items()
                    if not any(node.table == name and kept.column_of(node) in missing for node in asked)
                }
                return
            questions, half = list(missing.items()), len(missing) // 2
            self._answer(name, dict(questions[:half]))
            self._answer(name, dict(questions[half:]))

    def _begin(self, name: str, missing: Mapping[str, nodes.Aggregate]) -> None:
        """A further ledger, with the answers to these questions."""
        work, asked, found = self.work, list(missing.values()), self.tables.get(name, Kept())
        answers = kept.answers(name, asked, work.book.schema, work.opened.tables, work.run.now, self.zone)
        columns = {
            one: Column(name=f"{one}_{work.run.pk}", type=kept.kind_of(node, work.opened.tables))
            for one, node in missing.items()
        }
        by = {columns[one]["name"]: kept.joins(node) for one, node in missing.items()}
        shown = "".join(
            f", {numbers.whole(one, column['type'], by[column['name']])} AS {column['name']}"
            for one, column in columns.items()
        )
        query = work.opened.connection.compile(answers)
        query = f"SELECT {KEY} AS key{shown} FROM ({query}) WHERE {KEY} IS NOT NULL"
        made = begin(work.connection, query, by, work.folder / f"kept_{name}_{len(found.ledgers)}.arrow")
        self.tables[name] = Kept({**found.columns, **columns}, [*found.ledgers, made])

    def _together(self, name: str, found: Kept) -> str:
        """SQL: a row for each key, with the columns of the ledgers that are in use."""
        tables = [f"whole_kept_numbers_{name}_{number}" for number in range(len(found.ledgers))]
        for table, ledger in zip(tables, found.ledgers, strict=True):
            self.work.connection.register(table, ledger.everybody())
        first, *others = map(sql.name, tables)
        shown = "".join(
            f", coalesce({at['name']}, {EMPTY[by]}) AS {at['name']}" for _, at, by in found.placed()
        )
        return f"SELECT key{shown} FROM {first}{''.join(f' FULL JOIN {one} USING (key)' for one in others)}"

    def _show(self, view: str, found: Kept, source: str) -> None:
        """A view of answers as rules ask for them."""
        shown = "".join(
            f", {numbers.shown(column['name'], column['type'], by)} AS {one}"
            for one, column, by in found.placed()
        )
        self.work.connection.execute(
            f"CREATE OR REPLACE VIEW {sql.name(view)} AS SELECT key AS {KEY}{shown} FROM ({source})"
        )

    def _begin_anew(self, name: str, found: Kept) -> None:
        by = {column["name"]: found.by[column["name"]] for column in found.columns.values()}
        file = self.work.folder / f"base_{name}.arrow"
        if len(found.ledgers) == 1:
            self.tables[name] = Kept(found.columns, [found.ledgers[0].anew(file, by)])
            return
        made = begin(self.work.connection, self._together(name, found), by, file)
        for old in {file for ledger in found.ledgers for file in ledger.files}:
            if old.parent == self.work.folder:
                old.unlink()
        self.tables[name] = Kept(found.columns, [made])


def _difference(name: str, number: int) -> str:
    return sql.name(f"difference_{name}_{number}")
