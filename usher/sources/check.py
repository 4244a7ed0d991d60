"""Look at every table and say what is wrong with it, without running anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from usher.rules import Type
from usher.sources import sql, views
from usher.sources.cells import find, not_numbers, numbers_as_text
from usher.sources.errors import SourceError
from usher.sources.findings import Finding
from usher.sources.guard import Refusals, refusals
from usher.sources.holders import shared_addresses
from usher.sources.models import Table
from usher.sources.open import connect, newest
from usher.sources.read import OpenTable, read_table

#: Something, an at sign, something with a dot in it; no spaces. DuckDB's and Python's syntax.
ADDRESS = r"[^\s@]+@[^\s@]+\.[^\s@.]+"
#: The longest address a mail server takes.
ADDRESS_LENGTH = 254


@dataclass(frozen=True)
class Checked:
    """One table after a check: its shape, and what is wrong with it; `error` is empty when it can be used.

    `refused` says, by guard, what a run would refuse.
    """

    source: str
    table: str
    rows: int | None
    columns: dict[str, Type]
    data_as_of: datetime | None
    findings: tuple[Finding, ...]
    refused: Refusals = field(default_factory=dict)
    error: str = ""


def is_address(column: str) -> str:
    """SQL: whether the text in `column` can be an e-mail address."""
    return f"(regexp_full_match({column}, {sql.text(ADDRESS)}) AND length({column}) <= {ADDRESS_LENGTH})"


def check(now: datetime) -> list[Checked]:
    """Read every table anew, store what was found on its row, and answer with it."""
    return check_tables(list(Table.objects.select_related("source")), now)


def check_tables(tables: Sequence[Table], now: datetime) -> list[Checked]:
    """Check these tables, beside all others that they hang together with."""
    asked = {table.name: table for table in tables}
    others = Table.objects.select_related("source").exclude(name__in=asked)
    backend = connect()
    try:
        found = {name: _read(backend.con, table, again=True) for name, table in asked.items()}
        found |= {table.name: _read(backend.con, table, again=False) for table in others}
        good = {name: one for name, one in found.items() if isinstance(one, OpenTable)}
        found |= views.create(backend.con, good)
        return [_checked(backend.con, found, table, now) for table in tables]
    finally:
        backend.disconnect()


def _read(connection: duckdb.DuckDBPyConnection, table: Table, *, again: bool) -> OpenTable | SourceError:
    try:
        return read_table(connection, table, again=again)
    except SourceError as problem:
        return problem


def _checked(
    connection: duckdb.DuckDBPyConnection,
    found: Mapping[str, OpenTable | SourceError],
    table: Table,
    now: datetime,
) -> Checked:
    one = found[table.name]
    if isinstance(one, SourceError):
        result = Checked(table.source.name, table.name, None, {}, None, (), error=str(one))
    else:
        good = {name: other for name, other in found.items() if isinstance(other, OpenTable)}
        findings = (
            *one.findings,
            *_keys(connection, one),
            *not_numbers(connection, one),
            *numbers_as_text(connection, one),
            *_addresses(connection, one),
            *_nobodys(connection, one, good),
            *_leading_nowhere(connection, one, good),
        )
        moment = newest(connection, table, now)
        refused = refusals(one, moment, now)
        result = Checked(
            table.source.name, table.name, one.rows, dict(one.columns), moment, findings, refused
        )
    _store(table, result, now)
    return result


def _store(table: Table, result: Checked, now: datetime) -> None:
    table.problems = [finding.as_json() for finding in result.findings]
    if result.error:
        table.problems.insert(0, Finding("error", result.error, 1).as_json())
    else:
        table.columns, table.refusals = result.columns, result.refused
    table.rows, table.data_as_of, table.checked_at = result.rows, result.data_as_of, now
    table.save(update_fields=["problems", "columns", "refusals", "rows", "data_as_of", "checked_at"])


def _keys(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> Iterable[Finding]:
    if len(one.table.steps) == 1:
        condition = f"{sql.name(one.table.key)} IS NULL"
        text = "rows without a key were left out"
        yield from find(connection, one, one.table.key, condition, "missing_keys", text, "no key")


def _addresses(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> Iterable[Finding]:
    column = one.table.email
    if not column:
        return
    value = f"trim({sql.name(column)}::VARCHAR)"
    missing = f"coalesce({value}, '') = ''"
    text = "customers without an e-mail address are never mailed"
    yield from find(connection, one, column, missing, "missing_addresses", text, "no address")
    bad = f"NOT ({missing}) AND NOT {is_address(value)}"
    text = "e-mail addresses that cannot be right are never mailed"
    yield from find(connection, one, column, bad, "bad_addresses", text, "“{}” is not an e-mail address")
    yield from shared_addresses(connection, one)


def _nobodys(
    connection: duckdb.DuckDBPyConnection, one: OpenTable, good: Mapping[str, OpenTable]
) -> Iterable[Finding]:
    """Rows whose key is no customer's."""
    subject = next((other.table for other in good.values() if other.table.subject), None)
    if subject is None or one.table.subject or one.table.lookup:
        return
    count = _without(connection, sql.name(one.table.name), one.key, sql.name(subject.name), subject.key)
    if count:
        yield Finding("orphans", f"rows belong to nobody in {subject.name} and are not counted", count)


def _leading_nowhere(
    connection: duckdb.DuckDBPyConnection, one: OpenTable, good: Mapping[str, OpenTable]
) -> Iterable[Finding]:
    """Rows whose link is to a row that is not there."""
    for link in one.table.links.values():
        if link["table"] in good:
            target = good[link["table"]]
            # not the views: where the customers are reached by the link, its rows are already gone there
            mine, theirs = f"({views.rows(one)})", f"({views.rows(target)})"
            count = _without(connection, mine, link["column"], theirs, target.table.identity)
            if count:
                text = f"rows whose {link['column']} is not in {target.table.name}"
                yield Finding("links_to_nothing", text, count)


def _without(connection: duckdb.DuckDBPyConnection, mine: str, column: str, theirs: str, key: str) -> int:
    """How many of my rows have a value that is not among their keys."""
    value = f"a.{sql.name(column)}"
    (count,) = sql.row(
        connection,
        f"SELECT count(*) FROM {mine} a ANTI JOIN {theirs} b ON {value} = b.{sql.name(key)}"
        f" WHERE {value} IS NOT NULL",
    )
    return int(count)
