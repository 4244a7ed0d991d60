"""Which customers' rows are not what they were at an earlier reading: each table in the way it declares.

A mark is what one reading notes of a table, as JSON, for the next one to compare with:

* `append_only` tables (with a time column): how many rows there were, up to which moment. Later rows are new.
* tables with an `updated` column: how many rows there were, up to which moment. Later ones were changed.
* all others: a file with a digest of each customer's rows; of tables that links lead to, of each row.

Files that have not been touched are not read at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from usher.sources import sql
from usher.sources.models import Table
from usher.sources.open import Opened
from usher.sources.read import OpenTable

Mark = Mapping[str, Any]


@dataclass
class Seen:
    """What a reading noted, and how it differs from the marks that it was compared with."""

    marks: dict[str, Mark] = field(default_factory=dict)
    #: Table -> a query with the keys (one column) of the customers whose rows changed.
    touched: dict[str, str] = field(default_factory=dict)
    #: Why nobody can be left out, in words; empty: `touched` says it all.
    whole: str = ""


def look(opened: Opened, before: Mapping[str, Mark], now: datetime, folder: Path, home: Path) -> Seen:
    """Note the state of every table, and compare it with the marks of an earlier reading.

    Digests are written into `folder`, which will stand at `home` when the marks are used. The data are to be
    used after this, not before: what changes in between is then found by the next reading.
    """
    seen, differing = Seen(), dict[str, str]()
    for name, one in opened.opened.items():
        old, signature = before.get(name, {}), _signature(opened, one)
        if signature and old.get("signature") == signature and _there(old):
            seen.marks[name] = old
            continue
        seen.marks[name] = {"signature": signature}
        if not one.table.lookup:
            reader = _Reader(opened, one, old, now, folder, home)
            seen.marks[name] = _compare(reader, seen, seen.touched) | {"signature": signature}
        if name in opened.schema.lookups:
            own = _OfRows(opened, one, old.get("own", {}), now, folder, home)
            seen.marks[name] = {**seen.marks[name], "own": _compare(own, seen, differing)}
    if differing:
        _follow(opened, differing, seen)
    return seen


def files(marks: Mapping[str, Mark]) -> set[Path]:
    """The digests that these marks speak of."""
    every = [*marks.values(), *(mark["own"] for mark in marks.values() if "own" in mark)]
    return {Path(mark["digest"]) for mark in every if mark.get("digest")}


def _signature(opened: Opened, one: OpenTable) -> str | None:
    """Changes whenever the rows may have; with those that links lead to, where these lead to the customer."""
    parts = [one]
    if len(one.table.steps) > 1:
        parts += [opened.opened[name] for name in opened.schema.lookups]
    found = [part.relation.signature for part in parts]
    return None if None in found else " ".join(map(str, found))


def _there(mark: Mark) -> bool:
    return all(path.exists() for path in files({"": mark}))


def _compare(reader: _Reader, seen: Seen, found: dict[str, str]) -> dict[str, Any]:
    """The mark; what differs from the one before is noted."""
    mark, old = reader.mark(), reader.old
    if old.get("way") != mark["way"] or not _there(old):
        difference = f"nothing to compare {reader.name} with"
    else:
        difference = reader.since(old, mark)
    if difference.startswith("SELECT"):
        found[reader.name] = difference
    elif difference:
        seen.whole = seen.whole or difference
    return mark


def _follow(opened: Opened, differing: Mapping[str, str], seen: Seen) -> None:
    """Put the customers among the touched whose rows lead to rows of other tables that differ.

    `differing`: table -> a query with the own keys of such rows.
    """
    changed = f"{', '.join(differing)}, which other tables are looked up in, has changed"
    for name, one in opened.opened.items():
        if one.table.lookup:
            continue
        try:
            queries = list(_leading(opened, name, one.key, differing, ()))
        except _CircleError:
            seen.whole = seen.whole or changed
            return
        if queries and _is_elsewhere(one.table, seen.marks[name]["way"]):
            seen.whole = seen.whole or changed
        if queries:
            seen.touched[name] = " UNION ALL ".join([*queries, *filter(None, [seen.touched.get(name)])])


class _CircleError(Exception):
    """Links that lead back to where they come from."""


def _is_elsewhere(table: Table, way: str) -> bool:
    """Whether rows may have changed without a sign: their customer or their time stands elsewhere."""
    if way == "append":
        return table.reaches
    return way == "updated" and len(table.steps) > 1


def _leading(
    opened: Opened, name: str, key: str, differing: Mapping[str, str], path: tuple[str, ...]
) -> Iterator[str]:
    """Queries of the values in `key` of a table's rows with links to rows that differ, or lead to such."""
    if name in path:
        raise _CircleError
    for step in opened.opened[name].table.links.values():
        there = step["table"]
        own = opened.opened[there].table.identity
        keys = [differing[there]] if there in differing else []
        keys += _leading(opened, there, own, differing, (*path, name))
        if keys:
            rows = f"SELECT {sql.name(key)} FROM {sql.name(name)}"
            yield f"{rows} WHERE {sql.name(step['column'])} IN ({' UNION ALL '.join(keys)})"


class _Reader:
    """One table and the way in which its changes are found."""

    #: How the file with digests is called.
    file = "rows_{}.parquet"

    def __init__(
        self, opened: Opened, one: OpenTable, old: Mark, now: datetime, folder: Path, home: Path
    ) -> None:
        self.opened, self.one, self.old, self.now = opened, one, old, now
        self.folder, self.home = folder, home
        self.name = one.table.name
        self.view = sql.name(self.name)
        self.key = sql.name(one.key)
        self.way = self._way()
        #: Of an append-only table: the rows up to the moment of the mark before.
        self.before = 0

    def _way(self) -> str:
        table = self.one.table
        # which of several rows counts can change with a row of another customer
        if self.one.doubled or table.same_email:
            return "digest"
        if table.append_only and table.at:
            return "append"
        return "updated" if table.updated else "digest"

    def mark(self) -> dict[str, Any]:
        """What is to be remembered of the table; `way` first of all."""
        made = {
            "append": self._appended,
            "updated": self._updated,
            "digest": self._digest,
        }
        return {"way": self.way, **made[self.way]()}

    def since(self, old: Mark, mark: Mark) -> str:
        """The query of the customers with changes; a reason in words when it can be anybody; or nothing."""
        found = {
            "append": self._rows_added,
            "updated": self._rows_updated,
            "digest": self._rows_differing,
        }
        return found[self.way](old, mark)

    def _appended(self) -> dict[str, Any]:
        """Statistics of the files tell most of it, where rows are in order of time: later rows are read."""
        at = sql.name(self.one.table.at)
        kind = self._kind(at)
        (rows,) = self._row("count(*)")
        newest = self.old.get("newest")
        if newest:
            later, latest = self._row(f"count(*), max({at})::VARCHAR", f"{at} > {moment(self.old)}")
            self.before = rows - later
            if self.before == self.old["rows"]:
                return {"rows": rows, "newest": latest or newest, "kind": kind}
        (newest,) = self._row(f"max({at})::VARCHAR")
        return {"rows": rows, "newest": newest, "kind": kind}

    def _rows_added(self, old: Mark, mark: Mark) -> str:
        if old["newest"] is None:
            return f"nothing to compare {self.name} with"
        at, newest = sql.name(self.one.table.at), moment(old)
        if self.before != old["rows"]:
            return (
                f"{self.name} is said to be append-only, and of {old['rows']:,} rows up to {old['newest']}"
                f" there are {self.before:,} now"
            )
        return f"SELECT {self.key} FROM {self.view} WHERE {at} > {newest}"

    def _updated(self) -> dict[str, Any]:
        column = sql.name(self.one.table.updated)
        upto = f"FILTER ({column}::TIMESTAMPTZ <= {sql.text(self.now.isoformat())}::TIMESTAMPTZ)"
        rows, newest = self._row(f"count(*), (max({column}) {upto})::VARCHAR")
        mark = {"rows": rows, "newest": newest, "kind": self._kind(column)}
        (below,) = self._row(f"count(*) FILTER ({column} < {moment(mark)})") if newest else (0,)
        return mark | {"below": below}

    def _rows_updated(self, old: Mark, mark: Mark) -> str:
        if old["newest"] is None:
            return f"nothing to compare {self.name} with"
        column, newest = sql.name(self.one.table.updated), moment(old)
        (below,) = self._row(f"count(*) FILTER ({column} < {newest})")
        if mark["rows"] < old["rows"] or below > old["below"]:
            return f"{self.name} had rows taken away, or rows put in with an old {self.one.table.updated}"
        return f"SELECT {self.key} FROM {self.view} WHERE {column} >= {newest} OR {column} IS NULL"

    def _digest(self) -> dict[str, Any]:
        """A file with the number of rows of each key, and a sum of their hashes in any order."""
        file = self.file.format(self.name)
        shown = f"{self.key} AS key, count(*) AS rows, {self._hashes()} AS hash"
        query = f"SELECT {shown} FROM {self.view} GROUP BY 1"
        self.opened.duckdb.execute(f"COPY ({query}) TO {sql.text(self.folder / file)} (FORMAT parquet)")
        return {"digest": str(self.home / file)}

    def _rows_differing(self, old: Mark, mark: Mark) -> str:
        before = f"read_parquet({sql.text(old['digest'])})"
        now = f"read_parquet({sql.text(self.folder / Path(mark['digest']).name)})"
        return (
            f"SELECT key FROM {before} o FULL JOIN {now} n USING (key)"
            " WHERE o.hash IS DISTINCT FROM n.hash OR o.rows IS DISTINCT FROM n.rows"
        )

    def _hashes(self) -> str:
        columns = ", ".join(map(sql.name, self.one.kinds))
        return f"(coalesce(sum(hash({columns})::HUGEINT), 0) % 9223372036854775807)::BIGINT"

    def _kind(self, column: str) -> str:
        """DuckDB's type of a column of the view, as it stands in SQL."""
        kinds = self.opened.duckdb.execute(f"DESCRIBE SELECT {column} FROM {self.view}").fetchall()
        return str(kinds[0][1])

    def _row(self, shown: str, where: str = "true") -> tuple[Any, ...]:
        return sql.row(self.opened.duckdb, f"SELECT {shown} FROM {self.view} WHERE {where}")


class _OfRows(_Reader):
    """A table that links lead to, each of its rows by its own key."""

    file = "own_{}.parquet"

    def __init__(
        self, opened: Opened, one: OpenTable, old: Mark, now: datetime, folder: Path, home: Path
    ) -> None:
        super().__init__(opened, one, old, now, folder, home)
        self.key = sql.name(one.table.identity)

    def _way(self) -> str:
        return "digest"


def moment(mark: Mark) -> str:
    """The latest moment that a mark speaks of, as SQL."""
    return f"{sql.text(mark['newest'])}::{mark['kind']}"
