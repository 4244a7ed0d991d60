"""A DuckDB view for each table, in which keys meet and every row that has a key of its own has it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb
from django.conf import settings

from usher.sources import known, shape, sql
from usher.sources.columns import FLOATING
from usher.sources.errors import SourceError
from usher.sources.findings import KEPT, Finding
from usher.sources.models import Table
from usher.sources.read import OpenTable

_DUPLICATES = {
    "": "rows have a key that was there before: a run refuses them until `same_key` says which row counts",
    Table.Choice.FIRST: "rows whose key was there before were left out: the first row of a key is used",
    Table.Choice.NEWEST: "rows were left out that have a newer row with the same key",
}


def create(
    connection: duckdb.DuckDBPyConnection, found: Mapping[str, OpenTable]
) -> dict[str, OpenTable | SourceError]:
    """Make a view of each table under its name; a table that hangs on one that is not there is an error."""
    types = shape.key_types({one.table: one.columns for one in found.values()})
    alone = {
        name: _with_duplicates(connection, replace(one, key_types=_of(name, types)))
        for name, one in found.items()
    }
    made: dict[str, OpenTable | SourceError] = {}
    for name, one in alone.items():
        try:
            connection.execute(f"CREATE VIEW {sql.name(name)} AS {_reached(one, alone)}")
            made[name] = one
        except SourceError as problem:
            made[name] = problem
    return made


def _of(name: str, types: Mapping[shape.Column, str]) -> dict[str, str]:
    return {
        column: "BIGINT" if kind == "number" else "VARCHAR"
        for (table, column), kind in types.items()
        if table == name
    }


def rows(one: OpenTable, *, numbered: bool = False) -> str:
    """SQL: the table's rows as rules see them, but for those whose key is reached through links.

    `numbered` adds `_file` and `_row`, which the relation's `place` understands.
    """
    table, source = one.table, one.relation.numbered if numbered else one.relation.scan
    shown = [_shown(name, kind, one.key_types.get(name, "")) for name, kind in one.kinds.items()]
    listed = ", ".join([*shown, "_file", "_row"] if numbered else shown)
    having = f"{sql.name(table.key)} IS NOT NULL" if len(table.steps) == 1 else "true"
    if one.doubled:
        own = sql.name(table.identity)
        return (
            f"SELECT {listed} FROM {one.relation.numbered} WHERE {having}"
            f" QUALIFY {own} IS NULL OR {_place_among(own, table.same_key, table)} = 1"
        )
    return f"SELECT {listed} FROM {source} WHERE {having}"


def order(choice: str, table: Table) -> str:
    """SQL: the row that counts comes first; otherwise in the order of the files and of the rows in them."""
    newest = f"{sql.name(table.newest_by)} DESC NULLS LAST, " if choice == Table.Choice.NEWEST else ""
    return f"{newest}_file, _row"


def _place_among(own: str, choice: str, table: Table) -> str:
    return f"row_number() OVER (PARTITION BY {own} ORDER BY {order(choice, table)})"


def _reached(one: OpenTable, all_tables: Mapping[str, OpenTable]) -> str:
    """The rows with the customer's key and their time beside them, where those stand in another table."""
    table = one.table
    if not table.reaches:
        return rows(one)
    joined, shown, having = _Joined(one, all_tables), "t0.*", "true"
    if len(table.steps) > 1:
        key, _ = joined.column(table.steps, "customers' key")
        shown, having = f"{shown}, {key} AS {shape.LINKED_KEY}", f"{key} IS NOT NULL"
    if len(table.steps_to_time) > 1:
        at, there = joined.column(table.steps_to_time, "time")
        kind = there.columns[table.steps_to_time[-1]]
        if kind not in ("date", "instant"):
            raise SourceError(f"{table}: the column {table.at} holds {kind}s, not dates or times")
        shown = f"{shown}, {at} AS {sql.name(table.at)}"
    return f"SELECT {shown} FROM ({rows(one)}) t0 {' '.join(joined.joins)} WHERE {having}"


class _Joined:
    """The tables that links of one table lead to, each joined once."""

    def __init__(self, one: OpenTable, all_tables: Mapping[str, OpenTable]) -> None:
        self.table, self.all_tables = one.table, all_tables
        self.joins: list[str] = []
        self.found: dict[tuple[str, ...], tuple[str, OpenTable]] = {(): ("t0", one)}

    def column(self, steps: Sequence[str], what: str) -> tuple[str, OpenTable]:
        """SQL for the column at the end of the way, and the table that it is in."""
        alias, there = self._at(tuple(steps[:-1]), what)
        if steps[-1] not in there.kinds:
            raise SourceError(
                f"{self.table}: its {what} should be in {there.table}, which has no {steps[-1]}"
                f" (it has {', '.join(there.kinds)})"
            )
        return f"{alias}.{sql.name(steps[-1])}", there

    def _at(self, links: tuple[str, ...], what: str) -> tuple[str, OpenTable]:
        if links in self.found:
            return self.found[links]
        here, one = self._at(links[:-1], what)
        step = one.table.links[links[-1]]
        if step["table"] not in self.all_tables:
            raise SourceError(
                f"{self.table}: its {what} is reached through {step['table']}, which cannot be used"
            )
        there, alias = self.all_tables[step["table"]], f"t{len(self.joins) + 1}"
        mine, theirs = sql.name(step["column"]), sql.name(there.table.identity)
        self.joins.append(f"LEFT JOIN ({rows(there)}) {alias} ON {here}.{mine} = {alias}.{theirs}")
        self.found[links] = alias, there
        return self.found[links]


def _shown(name: str, kind: str, key_type: str) -> str:
    """A column of the view: keys of one type, so that they meet; times as instants; finite numbers."""
    quoted = sql.name(name)
    if key_type and kind != key_type:
        return f"{quoted}::{key_type} AS {quoted}"
    if kind in FLOATING:
        return f"CASE WHEN isfinite({quoted}) THEN {quoted} END AS {quoted}"
    if kind.startswith("TIMESTAMP") and kind != "TIMESTAMP WITH TIME ZONE":
        return f"timezone({sql.text(settings.TIME_ZONE)}, {quoted}::TIMESTAMP) AS {quoted}"
    return quoted


def _with_duplicates(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> OpenTable:
    """The table with the number of rows whose own key another row has, and where they are."""
    table, data = one.table, one.relation
    if not table.identity:
        return one
    own = sql.name(table.identity)
    [[count]] = known.rows(
        connection, table, data, f"SELECT count({own}) - count(DISTINCT {own}) FROM {data.scan}"
    )
    if not count:
        return one
    others = (
        f"SELECT _file, _row, {own}::VARCHAR FROM {data.numbered} WHERE {own} IS NOT NULL"
        f" QUALIFY {_place_among(own, table.same_key, table)} > 1 ORDER BY _file, _row LIMIT {KEPT}"
    )
    reason = (
        "the key {} has a newer row"
        if table.same_key == Table.Choice.NEWEST
        else "the key {} was there before"
    )
    places = tuple(
        data.place(file, row, table.identity, reason.format(value))
        for file, row, value in known.rows(connection, table, data, others)
    )
    finding = Finding("duplicate_keys", _DUPLICATES[table.same_key], count, places)
    return replace(one, doubled=count, findings=(*one.findings, finding))
