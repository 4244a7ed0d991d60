"""Which customers' rows are not what they were at an earlier reading: each table in the way it declares.

A mark is what one reading notes of a table, as JSON, for the next one to compare with:

* `append_only` tables (with a time column): how many rows there were, up to which moment. Later rows are new.
* tables with an `updated` column: how many rows there were, up to which moment. Later ones were changed.
* all others: a file with a digest of each customer's rows. Of lookup tables: one digest of the whole.

Files that have not been touched are not read at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from usher.sources import sql
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
    seen = Seen()
    for name, one in opened.opened.items():
        old, signature = before.get(name, {}), _signature(opened, one)
        if signature and old.get("signature") == signature and _there(old):
            seen.marks[name] = old
            continue
        reader = _Reader(opened, one, old, now, folder, home)
        mark = reader.mark()
        seen.marks[name] = {**mark, "signature": signature}
        if old.get("way") != mark["way"] or not _there(old):
            seen.whole = seen.whole or f"nothing to compare {name} with"
        else:
            _compare(reader, old, mark, seen)
    return seen


def files(marks: Mapping[str, Mark]) -> set[Path]:
    """The digests that these marks speak of."""
    return {Path(mark["digest"]) for mark in marks.values() if mark.get("digest")}


def _signature(opened: Opened, one: OpenTable) -> str | None:
    """Changes whenever the rows may have; with those that links lead to, where these lead to the customer."""
    parts = [one]
    if len(one.table.steps) > 1:
        parts += [opened.opened[name] for name in opened.schema.lookups]
    found = [part.relation.signature for part in parts]
    return None if None in found else " ".join(map(str, found))


def _there(mark: Mark) -> bool:
    return all(path.exists() for path in files({"": mark}))


def _compare(reader: _Reader, old: Mark, mark: Mark, seen: Seen) -> None:
    difference = reader.since(old, mark)
    if difference.startswith("SELECT"):
        seen.touched[reader.name] = difference
    elif difference:
        seen.whole = seen.whole or difference


class _Reader:
    """One table and the way in which its changes are found."""

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
        table, schema = self.one.table, self.opened.schema
        if self.name in schema.lookups:
            return "whole"
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
            "whole": self._sum,
        }
        return {"way": self.way, **made[self.way]()}

    def since(self, old: Mark, mark: Mark) -> str:
        """The query of the customers with changes; a reason in words when it can be anybody; or nothing."""
        found = {
            "append": self._rows_added,
            "updated": self._rows_updated,
            "digest": self._rows_differing,
            "whole": self._other_sum,
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
        """A file with the number of each customer's rows, and a sum of their hashes in any order."""
        file = f"rows_{self.name}.parquet"
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

    def _sum(self) -> dict[str, Any]:
        rows, total = self._row(f"count(*), {self._hashes()}::VARCHAR")
        return {"rows": rows, "sum": total}

    def _other_sum(self, old: Mark, mark: Mark) -> str:
        same = (old["rows"], old["sum"]) == (mark["rows"], mark["sum"])
        return "" if same else f"{self.name}, which other tables are looked up in, has changed"

    def _hashes(self) -> str:
        columns = ", ".join(map(sql.name, self.one.kinds))
        return f"(coalesce(sum(hash({columns})::HUGEINT), 0) % 9223372036854775807)::BIGINT"

    def _kind(self, column: str) -> str:
        """DuckDB's type of a column of the view, as it stands in SQL."""
        kinds = self.opened.duckdb.execute(f"DESCRIBE SELECT {column} FROM {self.view}").fetchall()
        return str(kinds[0][1])

    def _row(self, shown: str, where: str = "true") -> tuple[Any, ...]:
        return sql.row(self.opened.duckdb, f"SELECT {shown} FROM {self.view} WHERE {where}")


def moment(mark: Mark) -> str:
    """The latest moment that a mark speaks of, as SQL."""
    return f"{sql.text(mark['newest'])}::{mark['kind']}"
