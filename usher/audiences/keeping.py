"""Answers about append-only tables, kept with each evaluation: the next one adds only what came and went.

Of each table there are some Parquet files with a row per customer and a column per question. An answer is
what the files say together: counts and sums added up, of least and greatest values the least and greatest.
An evaluation adds a file with the differences; when these have as many rows as the first file, all are made
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.audiences.failing import reason
from usher.audiences.spans import bounds, joined
from usher.rules import kept, nodes
from usher.rules.compile.rows import KEY
from usher.rules.moves import Moves
from usher.sources import sql
from usher.sources.changed import moment

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from usher.audiences.rulebook import Entry
    from usher.audiences.work import Group, Work

#: So many files are made one.
FILES = 30

Column = dict[str, str]


@dataclass
class Kept:
    """The kept answers about one table, as of the evaluation before or, when it is under way, of this one.

    `columns`: question -> its column in the files (`as`), DuckDB's type, and how parts are joined.
    """

    columns: dict[str, Column] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    #: Of the first file, and of those after it.
    rows: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, mark: Mapping[str, Any]) -> Kept:
        found = cls(dict(mark["columns"]), [Path(file) for file in mark["files"]], list(mark["rows"]))
        return found if all(file.exists() for file in found.files) else cls()

    def mark(self, home: Path) -> dict[str, Any]:
        files = [str(home / file.name) if file.parent.suffix else str(file) for file in self.files]
        return {"columns": self.columns, "files": files, "rows": self.rows}

    def together(self, asked: Iterable[str], among: str = "") -> str:
        """SQL: a row per customer with the answers; `among` is a query of the keys that are wanted."""
        scan = f"FROM read_parquet({sql.texts(self.files)}, union_by_name = true)"
        scan += f" WHERE {KEY} IN ({among})" if among else ""
        if len(self.files) == 1:
            shown = "".join(f", {_wide(self.columns[one])} AS {one}" for one in asked)
            return f"SELECT {KEY}{shown} {scan}"
        shown = "".join(f", {_joined(self.columns[one])} AS {one}" for one in asked)
        return f"SELECT {KEY}{shown} {scan} GROUP BY {KEY}"


def _wide(column: Column) -> str:
    kind = column["type"]
    if column["by"] == "sum" and kind.startswith("DECIMAL"):
        kind = f"DECIMAL(38, {kind.rstrip(')').split(',')[1].strip()})"
    return f"{column['as']}::{kind}"


def _joined(column: Column) -> str:
    added = f"{column['by']}({column['as']})"
    return f"{added}::BIGINT" if column["type"] == "BIGINT" and column["by"] == "sum" else added


def files(marks: Mapping[str, Any]) -> set[Path]:
    """The files that an evaluation's marks speak of."""
    return {Path(file) for mark in marks.values() for file in mark["files"]}


class Keeping:
    """The kept answers while an evaluation is worked out."""

    def __init__(self, work: Work) -> None:
        self.work = work
        #: Column of an entry -> what it asks, where all of that can be kept.
        self.asked: dict[str, kept.Questions] = {}
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

    def plan(self, entries: Iterable[Entry], moving: Mapping[str, Moves | None]) -> None:
        """Find the entries whose answers can be kept; `moving`: what time changes about each."""
        before = self.work.before
        tables = self.work.opened.tables
        for entry in entries:
            last = before.good(entry.column) if before else None
            if moving[entry.column] is None or (last and last.error):
                continue
            found = kept.questions(entry.node, self.work.book.schema, tables, self.able)
            if found:
                self.asked[entry.column] = found

    def questions(self, table: str) -> dict[str, nodes.Aggregate]:
        """All that is asked of a table, by name."""
        found = {node for asked in self.asked.values() for node in asked if node.table == table}
        return {kept.column_of(node): node for node in sorted(found, key=kept.column_of)}

    def carry(self, moving: Mapping[str, Moves | None]) -> list[str]:
        """Bring what was kept before to this evaluation's moment; queries of the keys that are concerned."""
        assert self.work.before
        marks = self.work.before.run.marks.get("kept", {})
        concerned = []
        for name in sorted(self.able & marks.keys()):
            old = Kept.of(marks[name])
            known = {one: node for one, node in self.questions(name).items() if one in old.columns}
            if known and self._tried(name, partial(self._add, name, old, known, moving)):
                concerned.append(f"SELECT {KEY} FROM {_difference(name)}")
        self._settle()
        return concerned

    def anew(self) -> None:
        """Answer from all rows what was not kept before; to be used for everybody, or from now on."""
        for name in sorted(self.able):
            found = self.tables.get(name, Kept())
            missing = {one: node for one, node in self.questions(name).items() if one not in found.columns}
            if missing:
                self._tried(name, partial(self._answer, name, found, missing))

        self._settle()
        self.whole()

    def forget(self) -> None:
        """What was kept is of no use."""
        self.tables, self.ready, self.not_yet = {}, frozenset(), frozenset()
        for file in self.work.folder.glob("added_*.parquet"):
            file.unlink()

    def group(self, column: str) -> Group:
        """Whether an entry is answered by what is kept, or by other rows."""
        return "kept" if column in self.ready else "other"

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

    def _add(
        self, name: str, old: Kept, known: Mapping[str, nodes.Aggregate], moving: Mapping[str, Moves | None]
    ) -> None:
        work, before = self.work, self.work.before
        assert before
        one, mark = work.opened.opened[name], before.marks[name]
        at, newest = sql.name(one.table.at), moment(mark)
        spans = [span for column in self.asked for span in moving[column] or () if span.table == name]
        passed = [" AND ".join(bounds(work.opened, span)) for span in joined(spans)]
        rows = f"moving_{name}"
        work.connection.execute(
            f"CREATE VIEW {sql.name(rows)} AS SELECT *, {at} <= {newest} AS {kept.KNOWN}"
            f" FROM {sql.name(name)} WHERE {at} > {newest}{''.join(f' OR ({one})' for one in passed if one)}"
        )
        found = kept.differences(
            name,
            list(known.values()),
            work.book.schema,
            work.opened.connection.table(rows),
            (before.run.now, work.run.now),
            self.zone,
        )
        columns = {one: old.columns[one] for one in known}
        table = _difference(name)
        work.connection.execute(f"CREATE TABLE {table} AS {self._stored(found, columns)}")
        differing = " OR ".join(
            f"{one['as']} <> 0" if one["by"] == "sum" else f"{one['as']} IS NOT NULL"
            for one in columns.values()
        )
        file = work.folder / f"added_{name}.parquet"
        count = _copy(work, f"SELECT * FROM {table} WHERE {differing}", file)
        made = Kept(columns, [*old.files], [*old.rows])
        if count:
            made.files.append(file)
            made.rows.append(count)
        self.tables[name] = made

    def _answer(self, name: str, found: Kept, missing: Mapping[str, nodes.Aggregate]) -> None:
        work, asked = self.work, list(missing.values())
        answers = kept.answers(name, asked, work.book.schema, work.opened.tables, work.run.now, self.zone)
        kinds = {one: kept.kind_of(node, work.opened.tables) for one, node in missing.items()}
        columns = {
            one: {"as": f"{one}_{work.run.pk}", "type": kinds[one], "by": kept.joins(node)}
            for one, node in missing.items()
        }
        file = work.folder / f"kept_{name}.parquet"
        count = _copy(work, self._stored(answers, columns), file)
        described = work.connection.execute(f"DESCRIBE FROM read_parquet({sql.text(file)})").fetchall()
        types = {row[0]: row[1] for row in described}
        for column in columns.values():
            column["type"] = column["type"] or types[column["as"]]
        self.tables[name] = Kept({**found.columns, **columns}, [*found.files, file], [*found.rows, count])

    def _stored(self, found: ir.Table, columns: Mapping[str, Column]) -> str:
        """SQL: answers under the names and in the types in which they are kept."""
        query = self.work.opened.connection.compile(found)
        shown = "".join(
            f", {name}{'::' + column['type'] if column['type'] else ''} AS {column['as']}"
            for name, column in columns.items()
        )
        return f"SELECT {KEY}{shown} FROM ({query}) WHERE {KEY} IS NOT NULL"

    def near(self, level: int) -> None:
        """The answers of the customers who are looked at since this level, as tables."""
        for name, found in self.tables.items():
            among = f"SELECT key FROM affected WHERE kept = {level}"
            query = found.together(found.columns, among)
            into = f"INSERT INTO near_kept_{name} BY NAME" if level else f"CREATE TABLE near_kept_{name} AS"
            self.work.connection.execute(f"{into} {query}")

    def whole(self) -> None:
        """The answers of everybody, as views."""
        for name, found in self.tables.items():
            query = found.together(found.columns)
            self.work.connection.execute(f"CREATE VIEW whole_kept_{name} AS {query}")

    def of(self, whole: bool) -> Mapping[str, ir.Table]:
        which = "whole" if whole else "near"
        return {name: self.work.opened.connection.table(f"{which}_kept_{name}") for name in self.tables}

    def marks(self) -> dict[str, Any]:
        """What the next evaluation goes on from; many files are made one before."""
        for name, found in self.tables.items():
            first, *others = found.rows or [0]
            if sum(others) > first or len(found.files) > FILES:
                born = self.work.run.pk
                columns = {one: {**was, "as": f"{one}_{born}"} for one, was in found.columns.items()}
                shown = "".join(
                    f", {one}::{column['type']} AS {column['as']}" for one, column in columns.items()
                )
                file = self.work.folder / f"base_{name}.parquet"
                count = _copy(self.work, f"SELECT {KEY}{shown} FROM ({found.together(found.columns)})", file)
                self._drop(found)
                self.tables[name] = Kept(columns, [file], [count])
        return {name: found.mark(self.work.run.folder) for name, found in self.tables.items()}

    def _drop(self, found: Kept) -> None:
        for file in found.files:
            if file.parent == self.work.folder:
                file.unlink()


def _difference(name: str) -> str:
    return sql.name(f"difference_{name}")


def _copy(work: Work, query: str, file: Path) -> int:
    (count,) = sql.row(work.connection, f"COPY ({query}) TO {sql.text(file)} (FORMAT parquet)")
    return int(count)
