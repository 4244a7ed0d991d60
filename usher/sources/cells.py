"""Rows by what stands in one of their columns: cells that are not taken as they are written."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from usher.sources import known, sql
from usher.sources.columns import FLOATING
from usher.sources.findings import KEPT, Finding
from usher.sources.read import OpenTable


def find(
    connection: duckdb.DuckDBPyConnection,
    one: OpenTable,
    column: str,
    condition: str,
    kind: str,
    text: str,
    reason: str,
) -> Iterable[Finding]:
    """A finding of the rows that meet a condition on a column, if there are any."""
    table, scan = one.table, one.relation
    counting = f"SELECT count(*) FROM {scan.scan} WHERE {condition}"
    [[count]] = known.rows(connection, table, scan, counting)
    if count:
        rows = known.rows(
            connection,
            table,
            scan,
            f"SELECT _file, _row, {sql.name(column)}::VARCHAR FROM {scan.numbered} WHERE {condition}"
            f" ORDER BY _file, _row LIMIT {KEPT}",
        )
        places = tuple(scan.place(file, row, column, reason.format(value)) for file, row, value in rows)
        yield Finding(kind, text, count, places)


def not_numbers(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> Iterable[Finding]:
    """Cells of columns of numbers that hold NaN or infinity."""
    text = "cells that hold no finite number count as missing"
    for column, kind in one.kinds.items():
        if kind in FLOATING and column not in one.table.key_columns:
            condition = f"NOT isfinite({sql.name(column)})"
            yield from find(connection, one, column, condition, "not_numbers", text, "“{}” is not a number")


def numbers_as_text(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> Iterable[Finding]:
    """Columns of a CSV file that are texts although most of their cells are written like numbers."""
    if not one.relation.copies:
        return
    for column, kind in one.kinds.items():
        if kind != "VARCHAR" or column in one.table.key_columns or column in one.table.types:
            continue
        cell = sql.name(column)
        fits = f"regexp_full_match({cell}, '-?(0|[1-9]\\d{{0,17}})(\\.\\d+)?')"
        like = f"regexp_full_match({cell}, '-?(0|[1-9]\\d*)(\\.\\d+)?')"
        counting = f"SELECT count({cell}), count(*) FILTER ({like}) FROM {one.relation.scan}"
        [[cells, numbers]] = known.rows(connection, one.table, one.relation, counting)
        if numbers * 2 > cells:
            text = f"cells make {column} a text, where most are numbers: mend them, or say its type"
            yield from find(connection, one, column, f"NOT {fits}", "numbers_as_text", text, "“{}”")
