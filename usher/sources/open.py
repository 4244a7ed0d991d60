"""Open every table of every source for one run, on one DuckDB connection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb
from django.conf import settings

from usher import rules
from usher.sources import shape, sql, views
from usher.sources.errors import SourceError
from usher.sources.findings import Finding
from usher.sources.models import Acceptance, Table
from usher.sources.read import OpenTable, read_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Rows of so long a time are looked at first for the newest.
RECENT = timedelta(days=3)


@dataclass(frozen=True)
class Opened:
    """All tables of the installation, to be closed after use (`with open_tables() as opened:`)."""

    connection: Any  # Ibis's DuckDB backend, which comes without types
    subject: Table
    opened: Mapping[str, OpenTable]
    #: What a person has let the guard of this run pass; it is used up when the run is published.
    accepted: list[Acceptance] = field(default_factory=list)

    @property
    def schema(self) -> rules.Schema:
        """What rules may speak of; tags and audiences are filled in by the room that knows them."""
        return shape.schema({one.table: one.columns for one in self.opened.values()})

    @property
    def key_type(self) -> str:
        """Ibis's type of the customers' key: int64 when all keys are whole numbers, else string."""
        whole = self.opened[self.subject.name].key_types[self.subject.key] == "BIGINT"
        return "int64" if whole else "string"

    @cached_property
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
        return newest(self.duckdb, self.opened[name].table, now)

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
        made = views.create(backend.con, found)
        return Opened(backend, subject, {name: _usable(one) for name, one in made.items()})
    except BaseException:
        backend.disconnect()
        raise


def stored_schema() -> rules.Schema | None:
    """The schema as the last check saw it, without opening anything; None before the first check."""
    tables = {table: table.columns for table in Table.objects.all()}
    known = all(tables.values()) and any(table.subject for table in tables)
    return shape.schema(tables) if known else None


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


def newest(connection: duckdb.DuckDBPyConnection, table: Table, now: datetime) -> datetime | None:
    """The newest moment in the time column of an open table that is not after `now`.

    It is mostly a recent one: rows that statistics show to be older are not read for it.
    """
    if not table.at:
        return None
    moment = f"{sql.name(table.at)}::TIMESTAMPTZ"
    query = f"SELECT max({moment}) FROM {sql.name(table.name)} WHERE {moment} <= ?"
    recently: datetime | None = sql.row(connection, f"{query} AND {moment} > ?", [now, now - RECENT])[0]
    found: datetime | None = recently or sql.row(connection, query, [now])[0]
    return found


def _usable(one: OpenTable | SourceError) -> OpenTable:
    if isinstance(one, SourceError):
        raise one
    return one
