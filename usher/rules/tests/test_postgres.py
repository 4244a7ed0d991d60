"""The same rules on PostgreSQL, where the mailing engine asks them of its contacts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import ibis
import pytest

from usher.rules import Schema, Table, parse, select
from usher.rules.tests.shop import LONDON, NOW

SCHEMA = Schema(
    columns={"id": "number", "email": "text", "score": "number", "born": "date", "vip": "boolean"},
    key="id",
    subject="contacts",
    tables={
        "opens": Table("opens", {"at": "instant", "campaign": "text"}, "contact", at="at"),
        "clicks": Table("clicks", {"at": "instant", "url": "text", "weight": "number"}, "contact", at="at"),
    },
    tags=frozenset({"STAFF"}),
)
CONTACTS = ibis.table(
    {"id": "int64", "email": "string", "score": "decimal(10, 2)", "born": "date", "vip": "boolean"},
    name="contacts",
)
OPENS = ibis.table({"contact": "int64", "at": "timestamp('UTC')", "campaign": "string"}, name="opens")
CLICKS = ibis.table(
    {"contact": "int64", "at": "timestamp('UTC')", "url": "string", "weight": "int64"}, name="clicks"
)
STAFF = ibis.table({"id": "int64"}, name="staff")
ROWS = """
create temp table contacts (id bigint, email text, score numeric(10, 2), born date, vip boolean);
create temp table opens (contact bigint, at timestamptz, campaign text);
create temp table clicks (contact bigint, at timestamptz, url text, weight bigint);
create temp table staff (id bigint);
insert into contacts values (1, 'alice@example.com', 10.5, '2024-03-31', true), (2, null, null, null, null),
  (3, E'c\\n[x]*é', -1, '2024-03-30', false);
insert into opens values (1, '2024-03-31 12:00Z', 'A'), (1, '2024-03-30 12:00Z', 'B'),
  (3, '2024-03-30 12:00:01Z', 'A'),
  (3, '2024-03-31 12:00:01Z', 'later');
insert into clicks values (1, '2024-01-01Z', '/a', 1), (1, '2024-01-01Z', '/b', 2), (1, null, '/c', 3);
insert into staff values (3), (3), (null);
"""
CASES: dict[str, list[int]] = {
    'email = "alice@example.com"': [1],
    'email != "alice@example.com"': [2, 3],
    'not match(email, "alice*")': [3],
    'match(email, "c?[[]x]\\\\*[à-ü]")': [3],
    'contains(uppercase(email), "ALICE")': [1],
    "length(email) = 8": [3],
    "score > 10.4": [1],
    "not score > 0": [2, 3],
    "vip": [1],
    "not vip": [2, 3],
    "vip != true": [2, 3],
    "born within 1 day": [1],
    'born = "2024-03-30"': [3],
    'email in ["alice@example.com", null]': [1, 2],
    'tag("STAFF")': [3],
    'not tag("STAFF")': [1, 2],
    "exists(opens where at within 1 day)": [1, 3],
    "count(opens) >= 2": [1],
    'exists(opens where campaign = "A") and not exists(clicks)': [3],
    "last(opens.at) within 1 minute": [1],
    'last(clicks.url) = "/b"': [1],
    'first(clicks.url) = "/a"': [1],
    "sum(clicks.weight) = 3": [1],
    "avg(clicks.weight) = 1.5": [1],
    "count(clicks) = 0": [2, 3],
    "last(opens.at) before 23 hours ago or last(opens.at) is not set": [2, 3],
}


def compiled(expressions: dict[str, str], now: datetime = NOW) -> str:
    expression = select(
        {name: parse(rule) for name, rule in expressions.items()},
        SCHEMA,
        {"contacts": CONTACTS, "opens": OPENS, "clicks": CLICKS},
        now=now,
        zone=LONDON,
        members=lambda kind, name: STAFF,
        engine="postgres",
    )
    return str(ibis.to_sql(expression, dialect="postgres"))


@pytest.fixture
def postgres(django_db_setup: None, settings: Any) -> Iterator[Any]:
    """A cursor on the server that the tests have started."""
    server = settings.DATABASES["default"]
    found = ibis.postgres.connect(
        host=server["HOST"],
        port=server["PORT"] or 5432,
        user=server["USER"],
        password=server["PASSWORD"],
        database=server["NAME"],
    )
    with found.con.cursor() as cursor:
        cursor.execute(ROWS)
        yield cursor
    found.disconnect()


def test_it_finds_the_same_people_on_postgresql(postgres: Any) -> None:
    postgres.execute(compiled({f"it{number}": rule for number, rule in enumerate(CASES)}))
    rows = postgres.fetchall()
    assert len(rows) == 3
    for number, (rule, who) in enumerate(CASES.items(), 1):
        assert {row[number] for row in rows} <= (
            {True, False, None} if rule.isidentifier() else {True, False}
        )
        assert sorted(row[0] for row in rows if row[number]) == who, rule


def test_the_session_time_zone_does_not_matter(postgres: Any) -> None:
    postgres.execute("set local time zone 'Pacific/Auckland'")
    postgres.execute(compiled({"it": "exists(opens where at within 1 day)", "born": "born within 1 day"}))
    assert sorted(postgres.fetchall()) == [(1, True, True), (2, False, False), (3, True, False)]


def test_it_is_one_statement_with_one_scan_of_each_table() -> None:
    sql = compiled(
        {"a": "count(opens) > 0", "b": "exists(opens where at within 2 days)", "c": "exists(clicks)"}
    )
    assert (sql.count('FROM "opens"'), sql.count('FROM "clicks"'), sql.count("GROUP BY")) == (1, 1, 1)
    assert (sql.count("COUNT("), sql.count("MAX(")) == (
        0,
        1,
    )  # the latest open says both
    assert "CAST('2024-03-29T12:00:00+00:00' AS TIMESTAMPTZ)" in sql


def test_a_quote_in_a_rule_stays_a_text() -> None:
    sql = compiled({"it": 'email = "x\'; drop table contacts; --"'}, datetime(2024, 1, 1, tzinfo=UTC))
    assert "'x''; drop table contacts; --'" in sql
