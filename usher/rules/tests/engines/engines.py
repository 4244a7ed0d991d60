"""The engines as the comparison needs them: give them tables, ask them a statement, get rows back."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from usher.rules.dialects.sqlite import prepare
from usher.rules.engines import Engine

Answer = list[tuple[Any, ...]]


class Asked(Protocol):
    """An engine with tables in it."""

    name: Engine

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        """Replaces all tables."""

    def ask(self, sql: str) -> Answer: ...

    def close(self) -> None: ...


class DuckDB:
    name: Engine = "duckdb"

    def __init__(self) -> None:
        import duckdb

        self.session = duckdb.connect()
        self.session.execute("set TimeZone = 'America/New_York'")

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            self.session.register(name, table)

    def ask(self, sql: str) -> Answer:
        return self.session.execute(sql).fetchall()

    def close(self) -> None:
        self.session.close()


class Postgres:
    name: Engine = "postgres"
    _TYPES = {
        "int64": "bigint",
        "int32": "integer",
        "string": "text",
        "bool": "boolean",
        "double": "double precision",
        "date32[day]": "date",
        "timestamp[us]": "timestamp",
        "timestamp[us, tz=UTC]": "timestamptz",
    }

    def __init__(self, url: str) -> None:
        import psycopg

        self.session = psycopg.connect(url, autocommit=True)
        self.session.execute("set time zone 'America/New_York'")

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            columns = [f'"{column.name}" {self._TYPES[str(column.type)]}' for column in table.schema]
            self.session.execute(f'drop table if exists pg_temp."{name}"')
            self.session.execute(f'create temp table "{name}" ({", ".join(columns)})')
            with self.session.cursor().copy(f'copy pg_temp."{name}" from stdin') as copy:
                for row in table.to_pylist():
                    copy.write_row(list(row.values()))

    def ask(self, sql: str) -> Answer:
        return self.session.execute(sql.encode()).fetchall()

    def close(self) -> None:
        self.session.close()


class SQLite:
    """Times are texts as Python writes them, in UTC and without an offset: "2024-03-31 12:00:00.000001"."""

    name: Engine = "sqlite"

    def __init__(self) -> None:
        import ibis

        self.backend = ibis.sqlite.connect()
        self.session: sqlite3.Connection = self.backend.con
        prepare(self.session)
        self._tables: list[str] = []

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            self.session.execute(f'drop table if exists "{name}"')
            columns = [f'"{column}"' for column in table.column_names]
            self.session.execute(f'create table "{name}" ({", ".join(columns)})')
            places = ", ".join("?" * len(columns))
            rows = [tuple(map(_plain, row.values())) for row in table.to_pylist()]
            self.session.executemany(f'insert into "{name}" values ({places})', rows)

    def ask(self, sql: str) -> Answer:
        return self.session.execute(sql).fetchall()

    def close(self) -> None:
        self.session.close()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else value


class _OfFiles:
    """Engines that read Parquet files."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="usher-engines-"))
        self.loads = 0

    def written(self, tables: Mapping[str, pa.Table]) -> dict[str, Path]:
        self.loads += 1
        found = {name: self.folder / f"{name}-{self.loads}.parquet" for name in tables}
        for name, path in found.items():
            pq.write_table(tables[name], path)
        return found

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class ClickHouse(_OfFiles):
    name: Engine = "clickhouse"
    _TYPES = {
        "int64": "Int64",
        "int32": "Int32",
        "string": "String",
        "bool": "Bool",
        "double": "Float64",
        "date32[day]": "Date32",
        "timestamp[us]": "DateTime64(6, 'UTC')",  # what a wall clock showed, as Parquet files say it
        "timestamp[us, tz=UTC]": "DateTime64(6, 'UTC')",
    }

    def __init__(self) -> None:
        from chdb import session

        super().__init__()
        self.session = session.Session()
        self.session.query("set session_timezone = 'America/New_York'")

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        for name, path in self.written(tables).items():
            columns = [self._column(one, name.startswith("members")) for one in tables[name].schema]
            self.session.query(f"create or replace table {name} ({', '.join(columns)}) engine = Memory")
            self.session.query(f"insert into {name} select * from file('{path}', Parquet)")

    def _column(self, one: pa.Field, of_members: bool) -> str:
        kind = self._TYPES[str(one.type)]
        known = one.name == "id" and not of_members
        return f"`{one.name}` {kind if known else f'Nullable({kind})'}"

    def ask(self, sql: str) -> Answer:
        found = pq.read_table(pa.BufferReader(self.session.query(sql, "Parquet").bytes()))
        return [tuple(row.values()) for row in found.to_pylist()]

    def close(self) -> None:
        self.session.close()
        super().close()


class Spark(_OfFiles):
    name: Engine = "spark"
    _TYPES = {
        "int64": "bigint",
        "int32": "int",
        "string": "string",
        "bool": "boolean",
        "double": "double",
        "date32[day]": "date",
        "timestamp[us]": "timestamp_ntz",
        "timestamp[us, tz=UTC]": "timestamp",
    }

    def __init__(self) -> None:
        from pyspark.sql import SparkSession

        super().__init__()
        found = SparkSession.builder.master("local[2]").appName("usher")
        for name, value in {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "2g",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.adaptive.enabled": "false",
            # it would keep the plans of all statements in memory, for pages that nobody sees
            "spark.sql.maxPlanStringLength": "1000",
            "spark.sql.ui.retainedExecutions": "1",
            "spark.ui.retainedJobs": "1",
            "spark.ui.retainedStages": "1",
            "spark.ui.retainedTasks": "10",
            # a few rows are quicker without compiling each statement to Java
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.log.level": "ERROR",
            "spark.sql.session.timeZone": "America/New_York",
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
        }.items():
            found = found.config(name, value)
        self.session = found.getOrCreate()

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        self._forget()
        for name, path in self.written(tables).items():
            columns = ", ".join(f"`{one.name}` {self._TYPES[str(one.type)]}" for one in tables[name].schema)
            self.session.read.schema(columns).parquet(str(path)).createOrReplaceTempView(name)

    def _forget(self) -> None:
        """What the parser remembers of each statement would fill the memory after some long ones."""
        java: Any = self.session._jvm
        java.org.apache.spark.sql.catalyst.parser.SqlBaseParser(None).getInterpreter().clearDFA()

    def ask(self, sql: str) -> Answer:
        found = self.session.sql(sql).toArrow().to_pylist()
        return [tuple(row.values()) for row in found]

    def close(self) -> None:
        self.session.stop()
        super().close()
