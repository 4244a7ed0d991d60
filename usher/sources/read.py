"""Find one table where it lives: its columns, its rows, and whether it has what its definition speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb

from usher import rules
from usher.sources import columns, database, known, relation, shape
from usher.sources.errors import SourceError
from usher.sources.findings import Finding, Place
from usher.sources.models import Table
from usher.sources.relation import Relation


@dataclass(frozen=True)
class OpenTable:
    """One table as it was found: where DuckDB reads it, and what its columns are in rules."""

    table: Table
    relation: Relation
    #: Column -> DuckDB's type, of the columns that rules can speak of.
    kinds: Mapping[str, str]
    columns: Mapping[str, rules.Type]
    rows: int
    findings: tuple[Finding, ...]
    #: Column -> BIGINT or VARCHAR, of the columns that are compared with keys.
    key_types: Mapping[str, str] = field(default_factory=dict)
    #: Rows whose own key another row has.
    doubled: int = 0

    @property
    def key(self) -> str:
        """The column of the view by which rows are found: the customer's key, or a lookup's own."""
        return shape.key_column(self.table)


def read_table(connection: duckdb.DuckDBPyConnection, table: Table, *, again: bool) -> OpenTable:
    """Find one table and its columns; SourceError or SourceRefusedError when it cannot be used."""
    try:
        found = _relation(connection, table, again)
        described = known.rows(connection, table, found, f"DESCRIBE FROM {found.scan}")
        [[rows]] = known.rows(connection, table, found, f"SELECT count(*) FROM {found.scan}")
    except duckdb.Error as problem:
        raise SourceError(
            f"{table}: {table.location} cannot be read ({str(problem).splitlines()[0]})"
        ) from None
    kinds = {row[0]: row[1] for row in described if columns.rule_type(row[1])}
    types = {name: _type(table, name, kind) for name, kind in kinds.items()}
    _demand(table, types)
    left_out = _left_out(row[0] for row in described if row[0] not in kinds)
    return OpenTable(table, found, kinds, types, rows, (*found.findings, *left_out))


def _relation(connection: duckdb.DuckDBPyConnection, table: Table, again: bool) -> Relation:
    if not table.source.url:
        return relation.of_files(table)
    if table.source.url.startswith("duckdb:"):
        return database.attached(connection, table)
    return database.copied(table, again=again)


def _demand(table: Table, types: Mapping[str, rules.Type]) -> None:
    """Columns that the definition speaks of must be there, and times must be times."""
    for column in table.needed:
        if column not in types:
            raise SourceError(f"{table}: {table.location} has no column {column} (it has {', '.join(types)})")
    for column in {table.at, table.updated} & types.keys():
        if types[column] not in ("date", "instant"):
            raise SourceError(f"{table}: the column {column} holds {types[column]}s, not dates or times")
    if len(table.steps_to_time) > 1 and table.at in types:
        raise SourceError(f"{table}: {table.at} is a column here, and the way to another table's as well")
    if len(table.steps) > 1 and shape.LINKED_KEY in types:
        raise SourceError(
            f"{table}: a column cannot be called {shape.LINKED_KEY} where the key is in another table"
        )


def _type(table: Table, name: str, kind: str) -> rules.Type:
    """A key is a number only when it is whole; every other key is compared as text."""
    found = columns.rule_type(kind) or "text"
    if name in table.key_columns and (found != "number" or not kind.endswith(("INT", "INTEGER"))):
        return "text"
    return found


def _left_out(names: Iterable[str]) -> tuple[Finding, ...]:
    found = [Place("holds lists, structures or binary data", column=name) for name in names]
    text = "columns that rules cannot speak of were left out"
    return (Finding("columns_left_out", text, len(found), tuple(found)),) if found else ()
