"""Names and texts inside DuckDB statements, quoted."""

from __future__ import annotations

from collections.abc import Iterable


def name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def texts(values: Iterable[object]) -> str:
    """A DuckDB list of texts."""
    return "[" + ", ".join(map(text, values)) + "]"
