"""Open every table of every source for one run, on one DuckDB connection."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb
from django.conf import settings

from usher import rules
from usher.sources import columns, database, known, relation, sql
from usher.sources.errors import SourceError, SourceRefusedError
from usher.sources.findings import KEPT, Finding, Place
from usher.sources.models import Table
from usher.sources.relation import Relation

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class OpenTable:
    """One table as it was found: where DuckDB reads it, and what its columns are in rules."""

    table: Table
    relation: Relation
    #: Column -> DuckDB's type, of the columns that rules can speak of.
    kinds: Mapping[str, str]
    columns: Mapping[str, rules.Type]
    rows: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Opened:
    """All tables of the installation, to be closed after use (`with open_tables() as opened:`)."""

    connection: Any  # Ibis's DuckDB backend, which comes without types
    subject: Table
    opened: Mapping[str, OpenTable]
    #: Ibis's type of the keys in the tables: int64 when all are whole numbers, else string.
    key_type: str

    @property
    def schema(self) -> rules.Schema:
        """What rules may speak of; tags and audiences are filled in by the room that knows them."""
        return _schema({one.table: one.columns for one in self.opened.values()})

    @property
    def tables(self) -> Mapping[str, ir.Table]:
        return {name: self.connection.table(name) for name in self.opened}

    @property
    def duckdb(self) -> duckdb.DuckDBPyConnection:
        """The same connection, for SQL by hand."""
        connection: duckdb.DuckDBPyConnection = self.connection.con
        return connection

    @property
    def problems(self) -> Mapping[str, tuple[Finding, ...]]:
        return {name: one.findings for name, one in self.opened.items() if one.findings}

    def newest(self, name: str, now: datetime) -> datetime | None:
        """The newest moment in a table's time column that is not after `now`."""
        at = self.opened[name].table.at
        if not at:
            return None
        moment = f"{sql.name(at)}::TIMESTAMPTZ"
        query = f"SELECT max({moment}) FROM {sql.name(name)} WHERE {moment} <= ?"
        found: datetime | None = sql.row(self.duckdb, query, [now])[0]
        return found

    def data_as_of(self, now: datetime) -> datetime | None:
        """The newest moment in any time column that is not after `now`."""
        return max(filter(None, (self.newest(name, now) for name in self.opened)), default=None)

    def close(self) -> None:
        self.connection.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


def open_tables(*, again: bool = True) -> Opened:
    """Every table, read anew where it changed; `again=False` keeps to the copies of databases already taken.

    SourceError names the source, the table, the file and what to do. Files are looked at in any case.
    """
    tables = list(Table.objects.select_related("source"))
    subject = next((table for table in tables if table.subject), None)
    if subject is None:
        raise SourceError("no table of customers is defined; one table of a source needs `subject: true`")
    backend = connect()
    try:
        found = {table.name: read_table(backend.con, table, again=again) for table in tables}
        return expose(backend, subject, found)
    except BaseException:
        backend.disconnect()
        raise


def connect() -> Any:
    """A DuckDB in memory, in the organisation's time zone, which spills into the data directory."""
    spill = settings.USHER_DATA_DIR / "spill" / str(os.getpid())
    spill.parent.mkdir(parents=True, exist_ok=True)
    import ibis  # takes half a second, which no command should pay that opens no table

    backend = ibis.duckdb.connect(
        memory_limit="1500MB", temp_directory=str(spill), autoload_known_extensions="false"
    )
    backend.con.execute(f"SET TimeZone = {sql.text(settings.TIME_ZONE)}")
    return backend


def read_table(connection: duckdb.DuckDBPyConnection, table: Table, *, again: bool) -> OpenTable:
    """Find one table and its columns; SourceError or SourceRefusedError when it cannot be used."""
    try:
        found = _relation(connection, table, again)
        described = known.rows(connection, table, [found], f"DESCRIBE FROM {found.scan}")
        [[rows]] = known.rows(connection, table, [found], f"SELECT count(*) FROM {found.scan}")
    except duckdb.Error as problem:
        raise SourceError(
            f"{table}: {table.location} cannot be read ({str(problem).splitlines()[0]})"
        ) from None
    kinds = {row[0]: row[1] for row in described if columns.rule_type(row[1])}
    types = {name: _type(table, name, kind) for name, kind in kinds.items()}
    _compare(table, types)
    left_out = _left_out(row[0] for row in described if row[0] not in kinds)
    return OpenTable(table, found, kinds, types, rows, (*found.findings, *left_out))


def expose(backend: Any, subject: Table, found: Mapping[str, OpenTable]) -> Opened:
    """Make a view of each table under its name, in which keys have one type and a customer has one row."""
    whole = all(one.columns[one.table.key] == "number" for one in found.values())
    key_type = "BIGINT" if whole else "VARCHAR"
    shown = {name: _make_view(backend.con, one, key_type) for name, one in found.items()}
    return Opened(backend, subject, shown, "int64" if whole else "string")


def stored_schema() -> rules.Schema | None:
    """The schema as the last check saw it, without opening anything; None before the first check."""
    tables = {table: table.columns for table in Table.objects.all()}
    known = all(tables.values()) and any(table.subject for table in tables)
    return _schema(tables) if known else None


def _schema(tables: Mapping[Table, Mapping[str, rules.Type]]) -> rules.Schema:
    whole = all(kinds[table.key] == "number" for table, kinds in tables.items())
    key_type: rules.Type = "number" if whole else "text"
    typed = {table: {**kinds, table.key: key_type} for table, kinds in tables.items()}
    subject = next(table for table in tables if table.subject)
    related = {
        table.name: rules.Table(table.name, kinds, table.key, table.at or None, table.noun or None)
        for table, kinds in typed.items()
        if not table.subject
    }
    return rules.Schema(typed[subject], subject.key, subject.name, related)


def _relation(connection: duckdb.DuckDBPyConnection, table: Table, again: bool) -> Relation:
    if not table.source.url:
        return relation.of_files(table)
    if table.source.url.startswith("duckdb:"):
        return database.attached(connection, table)
    return database.copied(table, again=again)


def _compare(table: Table, types: Mapping[str, rules.Type]) -> None:
    """Columns that the table needs must be there, and no column may have changed its type."""
    for column in filter(None, (table.key, table.email, table.at)):
        if column not in types:
            raise SourceError(f"{table}: {table.location} has no column {column} (it has {', '.join(types)})")
    if table.at and types[table.at] not in ("date", "instant"):
        raise SourceError(f"{table}: the time column {table.at} holds {types[table.at]}s, not dates or times")
    for column, before in table.columns.items():
        changed = column in types and types[column] != before
        if changed and column != table.key and column not in table.types:
            raise SourceRefusedError(
                f"{table}: the column {column} was {before} and is now {types[column]}; mend the data, or"
                f" accept it by `types: {{{column}: {types[column]}}}` in the table's definition"
            )


def _type(table: Table, name: str, kind: str) -> rules.Type:
    """A key is a number only when it is whole; every other key is compared as text."""
    found = columns.rule_type(kind) or "text"
    if name == table.key and (found != "number" or not kind.endswith(("INT", "INTEGER"))):
        return "text"
    return found


def _make_view(connection: duckdb.DuckDBPyConnection, one: OpenTable, key_type: str) -> OpenTable:
    table, key = one.table, sql.name(one.table.key)
    doubled = _duplicates(connection, one) if table.subject else ()
    rows = f"FROM {one.relation.scan}"
    if doubled:
        # the first row of each key, in the order of the files and of the rows in them
        first = f"row_number() OVER (PARTITION BY {key} ORDER BY _file, _row) = 1"
        rows = f"FROM {one.relation.numbered} QUALIFY {first}"
    shown = ", ".join(
        _shown(name, kind, key_type if name == table.key else "") for name, kind in one.kinds.items()
    )
    connection.execute(
        f"CREATE VIEW {sql.name(table.name)} AS SELECT {shown} FROM ({rows}) WHERE {key} IS NOT NULL"
    )
    return replace(one, findings=(*one.findings, *doubled))


def _shown(name: str, kind: str, key_type: str) -> str:
    """A column of the view: keys of one type, so that they meet; times of a clock as instants."""
    quoted = sql.name(name)
    if key_type and kind != key_type:
        return f"{quoted}::{key_type} AS {quoted}"
    if kind.startswith("TIMESTAMP") and kind != "TIMESTAMP WITH TIME ZONE":
        return f"timezone({sql.text(settings.TIME_ZONE)}, {quoted}::TIMESTAMP) AS {quoted}"
    return quoted


def _duplicates(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> tuple[Finding, ...]:
    key = sql.name(one.table.key)
    counting = f"SELECT count({key}) - count(DISTINCT {key}) FROM {one.relation.scan}"
    [[count]] = known.rows(connection, one.table, [one.relation], counting)
    if not count:
        return ()
    later = (
        f"SELECT _file, _row, {key}::VARCHAR FROM {one.relation.numbered} WHERE {key} IS NOT NULL"
        f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _file, _row) > 1"
        f" ORDER BY _file, _row LIMIT {KEPT}"
    )
    places = tuple(
        one.relation.place(file, row, one.table.key, f"the key {value} was there before")
        for file, row, value in known.rows(connection, one.table, [one.relation], later)
    )
    text = "rows whose key was there before were left out: the first row of a key is used"
    return (Finding("duplicate_keys", text, count, places),)


def _left_out(names: Iterable[str]) -> tuple[Finding, ...]:
    found = [Place("holds lists, structures or binary data", column=name) for name in names]
    text = "columns that rules cannot speak of were left out"
    return (Finding("columns_left_out", text, len(found), tuple(found)),) if found else ()
