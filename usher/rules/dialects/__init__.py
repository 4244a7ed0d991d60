"""Where engines say the same thing in other words: one file for each that differs from DuckDB."""

from __future__ import annotations

from usher.rules.dialects.base import Dialect
from usher.rules.dialects.clickhouse import ClickHouse
from usher.rules.dialects.postgres import Postgres
from usher.rules.dialects.spark import Spark
from usher.rules.dialects.sqlite import SQLite
from usher.rules.engines import Engine

OF: dict[Engine, Dialect] = {
    "duckdb": Dialect(),
    "postgres": Postgres(),
    "sqlite": SQLite(),
    "clickhouse": ClickHouse(),
    "spark": Spark(),
}

__all__ = ["OF", "Dialect"]
