"""Names and texts inside DuckDB statements, quoted; and statements that answer one row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb


def name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def texts(values: Iterable[object]) -> str:
    """A DuckDB list of texts."""
    return "[" + ", ".join(map(text, values)) + "]"


def row(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
    """The only row of the answer. All is fetched: an open answer would block the connection."""
    (only,) = connection.execute(query, values).fetchall()
    return tuple(only)
