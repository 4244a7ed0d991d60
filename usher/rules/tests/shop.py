"""A small shop: its schema, and tables made of literal rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa

from usher.rules import Schema, Table, parse, select
from usher.rules.nodes import Path
from usher.rules.schema import Link

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2024, 3, 31, 12, tzinfo=UTC)
SCHEMA = Schema(
    columns={
        "id": "number",
        "country": "text",
        "email": "text",
        "age": "number",
        "opted_in": "boolean",
        "birthday": "date",
        "joined": "instant",
        "seen": "instant",
    },
    key="id",
    tables={
        "orders": Table(
            "orders",
            {"day": "date", "value": "number", "genre": "text"},
            "customer",
            at="day",
            links={"performances": Link("performance", "performances")},
        ),
        "visits": Table("visits", {"at": "instant", "page": "text"}, "customer", at="at"),
        "notes": Table("notes", {"text": "text"}, "customer"),
        "events": Table("events", {"at": "instant", "event": "text"}, "customer", at="at"),
    },
    tags=frozenset({"VIP", "STAFF"}),
    audiences=frozenset({"members"}),
    segments=frozenset({"local"}),
    links={"households": Link("household", "households")},
    lookups={
        "performances": Table(
            "performances",
            {"kind": "text", "starts": "instant", "seats": "number"},
            "id",
            links={"venues": Link("venue", "venues")},
        ),
        "venues": Table("venues", {"city": "text", "opened": "date"}, "id"),
        "households": Table("households", {"size": "number", "place": "text"}, "id"),
    },
)
TYPES: dict[str, dict[str, pa.DataType]] = {
    "customers": {
        "id": pa.int64(),
        "country": pa.string(),
        "email": pa.string(),
        "age": pa.int64(),
        "opted_in": pa.bool_(),
        "birthday": pa.date32(),
        "joined": pa.timestamp("us"),
        "seen": pa.timestamp("us", tz="UTC"),
        "household": pa.int64(),
    },
    "orders": {
        "customer": pa.int64(),
        "day": pa.date32(),
        "value": pa.float64(),
        "genre": pa.string(),
        "performance": pa.int64(),
    },
    "visits": {"customer": pa.int64(), "at": pa.timestamp("us", tz="UTC"), "page": pa.string()},
    "notes": {"customer": pa.int64(), "text": pa.string()},
    "events": {"customer": pa.int64(), "at": pa.timestamp("us", tz="UTC"), "event": pa.string()},
    "performances": {
        "id": pa.int64(),
        "kind": pa.string(),
        "starts": pa.timestamp("us", tz="UTC"),
        "seats": pa.int32(),
        "venue": pa.string(),
    },
    "venues": {"id": pa.string(), "city": pa.string(), "opened": pa.date32()},
    "households": {"id": pa.int64(), "size": pa.int64(), "place": pa.string()},
    "members": {"id": pa.int64()},
}
Rows = Sequence[Mapping[str, Any]]


class Shop:
    """Tables in DuckDB; `ask` evaluates rules as texts and answers {key: {name: value}}."""

    def __init__(self, members: Mapping[str, Sequence[int | None]] | None = None, **tables: Rows) -> None:
        self.duckdb = ibis.duckdb.connect()
        for name, types in TYPES.items():
            rows = tables.get(name, ())
            columns = {column: [row.get(column) for row in rows] for column in types}
            self._register(name, pa.table(columns, schema=pa.schema(list(types.items()))))
        self.members = members or {}
        for name, ids in self.members.items():
            self._register(f"members_{name}", pa.table({"id": pa.array(ids, pa.int64())}))

    def _register(self, name: str, table: pa.Table) -> None:
        self.duckdb.con.register(name, table)

    def tables(self) -> dict[str, ibis.Table]:
        return {name: self.duckdb.table(name) for name in TYPES if name != "members"}

    def compile(self, expressions: Mapping[str, Any], now: datetime = NOW, zone: Any = LONDON) -> ibis.Table:
        parsed = {name: parse(rule) if isinstance(rule, str) else rule for name, rule in expressions.items()}
        return select(
            parsed,
            SCHEMA,
            self.tables(),
            now=now,
            zone=zone,
            members=lambda kind, name: self.duckdb.table(
                f"members_{name}" if name in self.members else "members"
            ),
        )

    def ask(self, expressions: Mapping[str, Any], **when: Any) -> dict[int, dict[str, Any]]:
        rows = self.duckdb.to_pyarrow(self.compile(expressions, **when)).to_pylist()
        answer = {row.pop("id"): row for row in rows}
        assert len(answer) == len(rows), "every subject exactly once"
        return answer

    def who(self, rule: str, **when: Any) -> list[int]:
        """The keys of those for whom a condition holds; it must never be null, unless it is a bare column."""
        answers = {key: row["it"] for key, row in self.ask({"it": rule}, **when).items()}
        known = {True, False, None} if isinstance(parse(rule), Path) else {True, False}
        assert set(answers.values()) <= known
        return sorted(key for key, holds in answers.items() if holds)
