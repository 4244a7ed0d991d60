"""A tiny theatre: eight customers on whom every example of the docs is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from usher.rules.nodes import Node
from usher.rules.schema import Link, Schema, Table, Type
from usher.rules.to_ibis import select
from usher.rules.to_python import to_python

if TYPE_CHECKING:
    import ibis

Rows = Sequence[Mapping[str, Any]]
ZONE = ZoneInfo("Europe/London")
NOW = datetime(2024, 6, 15, 9, tzinfo=UTC)  # a Saturday, 10:00 in London

_CUSTOMERS: dict[str, Type] = {
    "id": "number",
    "first_name": "text",
    "email": "text",
    "country": "text",
    "city": "text",
    "postcode": "text",
    "birthday": "date",
    "joined": "instant",
    "opted_in": "boolean",
    "credit": "number",
    "household_id": "number",
}
_BOOKINGS: dict[str, Type] = {
    "customer_id": "number",
    "booked_at": "instant",
    "performance_id": "number",
    "genre": "text",
    "seats": "number",
    "total": "number",
}
_PERFORMANCES: dict[str, Type] = {
    "id": "number",
    "title": "text",
    "genre": "text",
    "starts_at": "instant",
}
_HOUSEHOLDS: dict[str, Type] = {"id": "number", "size": "number"}
_EVENTS: dict[str, Type] = {"customer_id": "number", "event": "text", "at": "instant", "value": "number"}

SCHEMA = Schema(
    columns=_CUSTOMERS,
    key="id",
    tables={
        "bookings": Table(
            "bookings",
            _BOOKINGS,
            "customer_id",
            "booked_at",
            links={"performances": Link("performance_id", "performances")},
        ),
        "events": Table("events", _EVENTS, "customer_id", "at"),
    },
    tags=frozenset({"STAFF", "VIP"}),
    audiences=frozenset({"members"}),
    segments=frozenset({"Has e-mail"}),
    links={"households": Link("household_id", "households")},
    lookups={
        "performances": Table("performances", _PERFORMANCES, "id"),
        "households": Table("households", _HOUSEHOLDS, "id"),
    },
)


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def _rows(types: Mapping[str, Type], *rows: tuple[Any, ...]) -> Rows:
    return [dict(zip(types, row, strict=True)) for row in rows]


TABLES: Mapping[str, Rows] = {
    "customers": _rows(
        _CUSTOMERS,
        (
            1,
            "Ada",
            "ada@example.com",
            "GB",
            "London",
            "1012",
            date(1962, 6, 18),
            _day("2019-03-01"),
            True,
            30,
            1,
        ),
        (2, "Ben", "ben@example.org", "GB", "Leeds", "LS1", date(1990, 1, 7), _day("2022-05-31"), True, 0, 1),
        (
            3,
            "Chloé",
            "chloe@example.com",
            "FR",
            "Paris",
            "75004",
            date(2000, 2, 29),
            _day("2023-07-01"),
            False,
            5,
            2,
        ),
        (4, "Dan", None, "gb", "London", None, None, _day("2024-06-01"), None, None, None),
        (
            5,
            "Eve",
            "eve@example.net",
            "IE",
            "Dublin",
            "4",
            date(1985, 12, 24),
            _day("2021-11-11"),
            True,
            12.5,
            3,
        ),
        (
            6,
            "Finn",
            "finn@example.org",
            "US",
            "New York",
            "10001",
            date(1975, 6, 15),
            _day("2020-02-20"),
            None,
            99.99,
            4,
        ),
        (
            7,
            "Gina",
            "gina@example.com",
            None,
            None,
            None,
            date(2006, 6, 16),
            _day("2024-06-14"),
            True,
            -2.4,
            3,
        ),
        (
            8,
            "Hal",
            "hal@example.org",
            " GB ",
            "York",
            "YO1 7",
            date(1948, 8, 30),
            _day("2018-01-15"),
            False,
            0,
            4,
        ),
    ),
    "bookings": _rows(
        _BOOKINGS,
        (1, _day("2023-02-14"), 1, "opera", 2, 120.0),
        (1, _day("2023-12-01"), 2, "opera", 1, 60.0),
        (1, _day("2024-06-10"), 4, "dance", 2, 44.5),
        (2, _day("2024-04-02T20:15"), 2, "opera", 2, 90.0),
        (2, _day("2024-05-20T12:40"), 3, "comedy", 4, 80.0),
        (3, _day("2023-08-08"), 3, "comedy", 1, 0.0),
        (5, _day("2021-12-12T10:00"), 1, "opera", 2, 110.0),
        (5, _day("2022-01-02T17:05"), 3, "comedy", 3, None),
        (6, _day("2024-06-14"), 5, "dance", 6, 210.0),
        (8, _day("2020-03-03"), 1, "opera", 1, 40.5),
    ),
    "performances": _rows(
        _PERFORMANCES,
        (1, "Carmen", "opera", datetime(2023, 3, 4, 19, tzinfo=ZONE)),
        (2, "Tosca", "opera", datetime(2024, 6, 20, 19, tzinfo=ZONE)),
        (3, "Laughs", "comedy", datetime(2024, 5, 25, 20, tzinfo=ZONE)),
        (4, "Giselle", "dance", datetime(2024, 6, 16, 14, tzinfo=ZONE)),
        (5, "Swan Lake", "dance", datetime(2024, 9, 1, 19, 30, tzinfo=ZONE)),
    ),
    "households": _rows(_HOUSEHOLDS, (1, 2), (2, 1), (3, 4), (4, 3)),
    "events": _rows(
        _EVENTS,
        (1, "Cart Viewed", _day("2024-06-08"), 44.5),
        (1, "Order Completed", _day("2024-06-10"), 44.5),
        (2, "Cart Viewed", _day("2024-05-01"), 80.0),
        (2, "Order Completed", _day("2024-05-20"), 80.0),
        (3, "Cart Viewed", _day("2024-06-01"), 20.0),
        (6, "Page Viewed", _day("2024-06-13"), None),
        (6, "Cart Viewed", _day("2024-06-14"), 210.0),
    ),
}
MEMBERS: Mapping[tuple[str, str], Sequence[int]] = {
    ("tag", "STAFF"): [4, 6],
    ("tag", "VIP"): [1],
    ("audience", "members"): [1, 2, 5],
    ("segment", "Has e-mail"): [1, 2, 3, 5, 6, 7, 8],
}
#: For functions that are asked of single events.
HAPPENED: Mapping[str, Mapping[str, Any]] = {
    "an order": {
        "type": "track",
        "event": "Order Completed",
        "userId": "1",
        "properties": {"total": 59.9, "size": 42, "gift": True, "items": ["ticket", "ice cream"]},
    },
    "a return": {
        "type": "track",
        "event": "Order Returned",
        "userId": "2",
        "properties": {"total": "59.9", "size": "44", "gift": "no", "items": []},
    },
}


@cache
def opened() -> tuple[Any, dict[str, ibis.Table]]:
    """A DuckDB with the theatre's tables, and the tables."""
    import ibis
    import pyarrow as pa

    kinds: dict[Type, Any] = {
        "text": pa.string(),
        "number": pa.float64(),
        "date": pa.date32(),
        "instant": pa.timestamp("us", tz="UTC"),
        "boolean": pa.bool_(),
    }
    known = {SCHEMA.subject: SCHEMA.columns} | {
        name: table.columns for name, table in [*SCHEMA.tables.items(), *SCHEMA.lookups.items()]
    }
    backend = ibis.duckdb.connect()
    for name, columns in known.items():
        types = {
            column: pa.int64() if column == "id" or column.endswith("_id") else kinds[kind]
            for column, kind in columns.items()
        }
        values = {column: [row[column] for row in TABLES[name]] for column in columns}
        backend.con.register(name, pa.table(values, schema=pa.schema(list(types.items()))))
    for (kind, name), keys in MEMBERS.items():
        backend.con.register(f"{kind} {name}", pa.table({SCHEMA.key: pa.array(keys, pa.int64())}))
    return backend, {name: backend.table(name) for name in known}


def answers(node: Node) -> dict[str, Any]:
    """What a rule or a computed field comes to for each customer, by first name."""
    backend, tables = opened()

    def members(kind: Literal["tag", "segment", "audience"], name: str) -> ibis.Table:
        return backend.table(f"{kind} {name}")

    selected = select({"answer": node}, SCHEMA, tables, now=NOW, zone=ZONE, members=members)
    names = {row["id"]: row["first_name"] for row in TABLES[SCHEMA.subject]}
    rows = backend.to_pyarrow(selected).to_pylist()
    return {names[row[SCHEMA.key]]: row["answer"] for row in sorted(rows, key=lambda row: row[SCHEMA.key])}


def found(node: Node) -> list[str]:
    """The first names of those for whom a condition holds."""
    return [name for name, answer in answers(node).items() if answer]


def happenings(node: Node) -> list[str]:
    """Of which of the events a condition holds."""
    holds = to_python(node, now=NOW, zone=ZONE)
    return [name for name, event in HAPPENED.items() if holds(event)]
