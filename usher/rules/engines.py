"""What an engine cannot answer: said when a rule is checked, never by a wrong answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Engine = Literal["duckdb", "postgres", "sqlite", "clickhouse", "spark"]

#: For each engine, the functions and words of the language that it cannot answer, and why.
LIMITS: dict[Engine, Mapping[str, str]] = {
    "duckdb": {},
    "postgres": {},
    "sqlite": {},
    "clickhouse": {},
    "spark": {},
}
NAMES: dict[Engine, str] = {
    "duckdb": "DuckDB",
    "postgres": "PostgreSQL",
    "sqlite": "SQLite",
    "clickhouse": "ClickHouse",
    "spark": "Spark",
}
