"""Look at every table and say what is wrong with it, without running anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from usher.rules import Type
from usher.sources import sql
from usher.sources.errors import SourceError
from usher.sources.findings import KEPT, Finding
from usher.sources.models import Table
from usher.sources.open import Opened, OpenTable, connect, expose, read_table

#: Something, an at sign, something with a dot in it; no spaces. DuckDB's and Python's syntax.
ADDRESS = r"[^\s@]+@[^\s@]+\.[^\s@.]+"
#: The longest address a mail server takes.
ADDRESS_LENGTH = 254


@dataclass(frozen=True)
class Checked:
    """One table after a check: its shape, and what is wrong with it; `error` is empty when it can be used."""

    source: str
    table: str
    rows: int | None
    columns: dict[str, Type]
    data_as_of: datetime | None
    findings: tuple[Finding, ...]
    error: str = ""


def is_address(column: str) -> str:
    """SQL: whether the text in `column` can be an e-mail address."""
    return f"(regexp_full_match({column}, {sql.text(ADDRESS)}) AND length({column}) <= {ADDRESS_LENGTH})"


def check(now: datetime) -> list[Checked]:
    """Read every table anew, store what was found on its row, and answer with it."""
    return check_tables(list(Table.objects.select_related("source")), now)


def check_tables(tables: Sequence[Table], now: datetime) -> list[Checked]:
    """Check these tables; what joins them (customers' keys) is checked when the customers are among them."""
    backend = connect()
    try:
        found = {table.name: _read(backend.con, table) for table in tables}
        good = {name: one for name, one in found.items() if isinstance(one, OpenTable)}
        subject = next((one.table for one in good.values() if one.table.subject), None)
        opened = expose(backend, subject, good) if subject else None
        return [_checked(backend.con, opened, table, found[table.name], now) for table in tables]
    finally:
        backend.disconnect()


def _read(connection: duckdb.DuckDBPyConnection, table: Table) -> OpenTable | SourceError:
    try:
        return read_table(connection, table, again=True)
    except SourceError as problem:
        return problem


def _checked(
    connection: duckdb.DuckDBPyConnection,
    opened: Opened | None,
    table: Table,
    found: OpenTable | SourceError,
    now: datetime,
) -> Checked:
    if isinstance(found, SourceError):
        result = Checked(table.source.name, table.name, None, {}, None, (), str(found))
    else:
        one = opened.opened[table.name] if opened else found
        findings = (*one.findings, *_keys(connection, one), *_addresses(connection, one))
        if opened and not table.subject:
            findings = (*findings, *_orphans(opened, one))
        newest = opened.newest(table.name, now) if opened else None
        error = "" if one.rows else f"{table} has no rows; mend {table.location}"
        result = Checked(
            table.source.name, table.name, one.rows, dict(found.columns), newest, findings, error
        )
    _store(table, result, now)
    return result


def _store(table: Table, result: Checked, now: datetime) -> None:
    table.problems = [finding.as_json() for finding in result.findings]
    if result.error:
        table.problems.insert(0, Finding("error", result.error, 1).as_json())
    else:
        table.columns = result.columns
    table.rows, table.data_as_of, table.checked_at = result.rows, result.data_as_of, now
    table.save(update_fields=["problems", "columns", "rows", "data_as_of", "checked_at"])


def _keys(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> Iterable[Finding]:
    condition = f"{sql.name(one.table.key)} IS NULL"
    return _find(
        connection,
        one,
        one.table.key,
        condition,
        "missing_keys",
        "rows without a key were left out",
        "no key",
    )


def _addresses(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> Iterable[Finding]:
    column = one.table.email
    if not column:
        return
    value = f"trim({sql.name(column)}::VARCHAR)"
    missing = f"coalesce({value}, '') = ''"
    text = "customers without an e-mail address are never mailed"
    yield from _find(connection, one, column, missing, "missing_addresses", text, "no address")
    bad = f"NOT ({missing}) AND NOT {is_address(value)}"
    text = "e-mail addresses that cannot be right are never mailed"
    yield from _find(connection, one, column, bad, "bad_addresses", text, "“{}” is not an e-mail address")


def _find(
    connection: duckdb.DuckDBPyConnection,
    one: OpenTable,
    column: str,
    condition: str,
    kind: str,
    text: str,
    reason: str,
) -> Iterable[Finding]:
    """A finding of the rows that meet a condition on a column, if there are any."""
    scan = one.relation
    (count,) = sql.row(connection, f"SELECT count(*) FROM {scan.scan} WHERE {condition}")
    if count:
        rows = connection.execute(
            f"SELECT _file, _row, {sql.name(column)}::VARCHAR FROM {scan.numbered} WHERE {condition}"
            f" ORDER BY _file, _row LIMIT {KEPT}"
        ).fetchall()
        places = tuple(scan.place(file, row, column, reason.format(value)) for file, row, value in rows)
        yield Finding(kind, text, count, places)


def _orphans(opened: Opened, one: OpenTable) -> Iterable[Finding]:
    mine, customers = sql.name(one.table.name), sql.name(opened.subject.name)
    query = (
        f"SELECT count(*) FROM {mine} ANTI JOIN {customers}"
        f" ON {mine}.{sql.name(one.table.key)} = {customers}.{sql.name(opened.subject.key)}"
    )
    (count,) = sql.row(opened.duckdb, query)
    if count:
        yield Finding("orphans", f"rows belong to nobody in {opened.subject.name} and are not counted", count)
