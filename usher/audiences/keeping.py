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

import numpy as np
import pyarrow as pa
from django.conf import settings

from usher.audiences import numbers
from usher.audiences.failing import reason
from usher.audiences.ledger import EMPTY, By, Changes, Ledger, Places, begin
from usher.audiences.moving import Moving
from usher.audiences.spans import within
from usher.rules import kept, nodes
from usher.rules.compile.rows import KEY
from usher.rules.compile.simpler import lasting
from usher.rules.moves import Moves
from usher.sources import sql

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from usher.audiences.rulebook import Entry
    from usher.audiences.work import Group, Work

#: So many ledgers about one table are made one.
LEDGERS = 4

#: How a rule moves between two evaluations.
Moved = Callable[[nodes.Node], Moves | None]


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
        #: Column of such an entry -> the rule in terms of these questions.
        self.rules: dict[str, nodes.Node] = {}
        #: What is put to each ledger of a table, and the keys that need a place there first.
        self.found: dict[str, list[tuple[Changes, pa.ChunkedArray]]] = {}
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
        return frozenset(name for name, mark in tables.items() if mark.get("way") == "append")

    def plan(self, entries: Iterable[Entry], moves: Moved) -> None:
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
                self.rules[entry.column] = rule

    def questions(self, table: str) -> dict[str, nodes.Aggregate]:
        """All that is asked of a table, by name."""
        found = {node for asked in self.asked.values() for node in asked if node.table == table}
        return {kept.column_of(node): node for node in sorted(found, key=kept.column_of)}

    def carry(self) -> None:
        """Find what changed about the answers that were kept before; `place` and `add` write it down."""
        assert self.work.before
        marks = self.work.before.run.marks.get("kept", {})
        for name in sorted(self.able & marks.keys()):
            old, asked = Kept.of(marks[name]), self.questions(name)
            found = Kept({one: at for one, at in old.columns.items() if one in asked}, old.ledgers)
            if found.columns and self._tried(name, partial(self._differ, name, found)):
                self.tables[name] = found
        self._settle()

    def concerned(self, columns: Iterable[str]) -> Iterator[str]:
        """Queries of the keys for whom the answers that these entries ask for are not what they were."""
        chosen = list(columns)
        wanted = {(node.table, kept.column_of(node)) for one in chosen for node in self.asked[one]}
        for name, found in self.tables.items():
            for number, ledger in enumerate(found.ledgers):
                changes, newly = self.found[name][number]
                keys = pa.chunked_array([*ledger.places["key"].chunks, *newly.chunks])
                for one, column in found.columns.items():
                    if (name, one) in wanted and column["name"] in ledger.columns:
                        places = [changes.places[changes.part(list(ledger.columns).index(column["name"]))]]
                        places.append(self.passed(name, number, one, chosen))
                        view = f"moving_past_{name}_{one}"
                        rows = pa.table({"key": keys.take(pa.array(np.concatenate(places)))})
                        self.work.connection.register(view, rows)
                        yield f"SELECT key FROM {sql.name(view)}"

    def passed(self, name: str, number: int, question: str, columns: Iterable[str]) -> Places:
        """The places in a ledger with an answer over which the edge of a window of these entries passed."""
        spans = {span for one in columns for span in self.moving[one] if span.answer == question}
        column = self.tables[name].columns[question]
        if not spans:
            return np.empty(0, np.int32)
        ledger = self.tables[name].ledgers[number]
        found = within(ledger.column(column["name"]), [numbers.ends(span, column["type"]) for span in spans])
        return found.astype(np.int32)

    def place(self) -> None:
        """Give a place to whoever has none and did something."""
        for name, found in self.tables.items():
            for number, ledger in enumerate(found.ledgers):
                _, newly = self.found[name][number]
                if len(newly):
                    ledger.more_keys(newly, self.work.folder / f"keys_{name}_{number}.arrow")

    def add(self) -> None:
        """Write down the differences that `carry` found."""
        for name, found in self.tables.items():
            for number, ledger in enumerate(found.ledgers):
                changes, _ = self.found[name][number]
                if len(changes.places):
                    ledger.add(changes, self.work.folder / f"added_{name}_{number}.arrow")

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

    def home(self, table: str, question: str) -> tuple[str, int]:
        """The ledger with the answers to a question: its table, and its number among those about it."""
        found = self.tables[table]
        name = found.columns[question]["name"]
        return table, next(at for at, one in enumerate(found.ledgers) if name in one.columns)

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
        connection = self.work.connection
        keys = connection.sql("SELECT key FROM affected WHERE kept IS NOT NULL").to_arrow_table()["key"]
        for name, found in self.tables.items():
            columns = {"key": keys}
            for ledger in found.ledgers:
                columns |= ledger.among(ledger.placed(connection, keys))
            connection.register(f"near_numbers_{name}", pa.table(columns))
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
        """What rows that came and went put to each ledger."""
        asked = self.questions(name)
        spans = frozenset(span for one in found.columns for span in self.moves(asked[one]) or ())
        moving = Moving(self.work, name, {one: (asked[one], at) for one, at in found.columns.items()}, spans)
        by = found.by
        self.found[name] = []
        for ledger in found.ledgers:
            places, concerned = (
                ledger.placed(self.work.connection, moving.keys),
                np.full(len(moving.keys), False),
            )
            parts = []
            for one, column in found.columns.items():
                if column["name"] in ledger.columns:
                    rows, put = moving.changes(one)
                    concerned[rows] = True
                    parts.append((list(ledger.columns).index(column["name"]), rows, put, by[column["name"]]))
            nowhere = np.flatnonzero(concerned & (places < 0))
            coded = moving.keys.take(pa.array(nowhere)).combine_chunks().dictionary_encode()
            places[nowhere] = ledger.size + coded.indices.to_numpy()
            changes = Changes.gathered([(column, places[rows], put, by) for column, rows, put, by in parts])
            self.found[name].append((changes, pa.chunked_array([coded.dictionary])))

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
        for number, (table, ledger) in enumerate(zip(tables, found.ledgers, strict=True)):
            if not ledger.is_one:
                file = self.work.folder / f"whole_{name}_{number}.arrow"
                ledger = found.ledgers[number] = ledger.anew(file, ledger.columns)
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
