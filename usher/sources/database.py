"""Tables in databases: DuckDB files are attached, PostgreSQL tables are copied to Parquet.

DuckDB reads PostgreSQL only with an extension that is fetched over the network at run time. So a PostgreSQL
table is read through Ibis with a server-side cursor, a batch at a time, into a Parquet file: memory stays
small, and all rules of an evaluation then scan one local copy, taken at one moment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg.conninfo import conninfo_to_dict

from usher.sources import relation, sql
from usher.sources.errors import SourceError
from usher.sources.models import Source, Table
from usher.sources.relation import Relation

if TYPE_CHECKING:
    import ibis.expr.types as ir

BATCH = 50_000
#: Whether a DuckDB file holds the rows of a table itself.
_HELD = """SELECT count(*) FROM duckdb_tables()
    WHERE database_name = ? AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)"""


def attached(connection: duckdb.DuckDBPyConnection, table: Table) -> Relation:
    """The table in its DuckDB file, which is attached for reading."""
    alias = sql.name(f"source_{table.source_id}")
    path = duckdb_path(table.source)
    if not path.exists():
        raise SourceError(f"{table}: there is no file {path}; put it there, or correct the source's url")
    try:
        connection.execute(f"ATTACH IF NOT EXISTS {sql.text(path)} AS {alias} (READ_ONLY)")
        qualified = ".".join([alias, *map(sql.name, _qualified(table, "main"))])
        connection.execute(f"SELECT 1 FROM {qualified} LIMIT 0")
        held = sql.row(connection, _HELD, [f"source_{table.source_id}", *_qualified(table, "main")])[0]
    except duckdb.CatalogException:
        raise SourceError(f"{table}: {path} has no table {table.location}") from None
    except duckdb.IOException as problem:
        reason = str(problem).splitlines()[0]
        raise SourceError(f"{table}: {path} cannot be opened ({reason})", retry="lock" in reason) from None
    # a view may read other files, whose changes this file does not show
    return relation.of_database(qualified, path if held else None)


def duckdb_path(source: Source) -> Path:
    return Path(source.address.removeprefix("duckdb:///"))


def copied(table: Table, *, again: bool) -> Relation:
    """The table's Parquet copy: read from PostgreSQL now when `again` is set or there is none yet."""
    from ibis.common.exceptions import IbisError

    target = relation.copies_folder(table) / "table.parquet"
    if again or not target.exists():
        try:
            _copy(table, target)
        except (psycopg.Error, IbisError) as problem:
            reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
            lost = isinstance(problem, psycopg.OperationalError)
            raise SourceError(
                f"{table}: {table.source.url} does not answer as expected ({reason})", retry=lost
            ) from None
    return relation.of_parquet([str(target)])


def _copy(table: Table, target: Path) -> None:
    import ibis

    known = conninfo_to_dict(table.source.address)
    database = known.pop("dbname", None)
    backend = ibis.postgres.connect(database=database, **known)
    try:
        schema, name = _qualified(table, "public")
        rows = _readable(backend.table(name, database=schema))
        batches = rows.to_pyarrow_batches(chunk_size=BATCH)
        scratch = target.with_suffix(f".{os.getpid()}.tmp")
        with pq.ParquetWriter(scratch, batches.schema) as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch]))
        scratch.replace(target)
    finally:
        backend.disconnect()


def _readable(rows: ir.Table) -> ir.Table:
    """Numbers without a fixed scale as floating point, texts of any kind as text; the rest as it is."""
    from ibis.expr.datatypes import Unknown

    shown = {}
    for name, kind in rows.schema().items():
        if kind.is_decimal():
            shown[name] = rows[name].cast("float64")
        elif kind.is_uuid() or kind.is_json() or isinstance(kind, Unknown):
            shown[name] = rows[name].cast("string")
        elif kind.is_string() or kind.is_numeric() or kind.is_temporal() or kind.is_boolean():
            shown[name] = rows[name]
    return rows.select(**shown)


def _qualified(table: Table, default: str) -> tuple[str, str]:
    schema, dot, name = table.location.rpartition(".")
    return (schema, name) if dot else (default, name)
