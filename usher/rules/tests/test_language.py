"""Every pass knows every node and function, and the designed examples work or say that they do not yet."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from usher.rules import (
    RuleError,
    Schema,
    Table,
    check,
    describe,
    format,
    nodes,
    parse,
    references,
    select,
    to_python,
)
from usher.rules.functions import FUNCTIONS, PLANNED, ROW_FUNCTIONS
from usher.rules.nodes import Node, walk
from usher.rules.tests.shop import NOW, SCHEMA, Shop

EVERYTHING = {
    nodes.Literal: "true",
    nodes.Null: "country in [null]",
    nodes.Path: "opted_in",
    nodes.Call: 'contains(country, "x")',
    nodes.Comparison: "age > 5",
    nodes.In: "age in [1, 2]",
    nodes.IsSet: "age is set",
    nodes.Period: "birthday within 3 days",
    nodes.Within: "birthday within next 3 days",
    nodes.Timed: "birthday before 3 days ago",
    nodes.Not: "not opted_in",
    nodes.And: "opted_in and age > 5",
    nodes.Or: "opted_in or age > 5",
    nodes.Aggregate: "exists(orders)",
    nodes.Membership: 'tag("VIP")',
}
OF_PEOPLE_ONLY = (nodes.Aggregate, nodes.Membership)


#: Read and written, and refused by the check until every pass knows them.
UNFINISHED = {
    nodes.Arithmetic,
    nodes.Between,
    nodes.Step,
    nodes.Sequence,
    nodes.Among,
    nodes.Sample,
    nodes.Top,
}


def test_there_is_an_example_of_every_node() -> None:
    assert set(EVERYTHING) | UNFINISHED == set(Node.__subclasses__())


@pytest.mark.parametrize("kind", EVERYTHING, ids=lambda kind: kind.__name__)
def test_every_pass_knows_every_node(kind: type[Node]) -> None:
    node = parse(EVERYTHING[kind])
    assert any(isinstance(part, kind) for part in walk(node))
    assert parse(format(node)) == node
    assert check(node, SCHEMA, condition=True) == []
    assert describe(node, SCHEMA)
    assert references(node)
    Shop(customers=[{"id": 1}]).who(EVERYTHING[kind])
    if kind not in OF_PEOPLE_ONLY:
        assert to_python(node, now=NOW)({}) in (True, False)


WRITTEN = {
    "contains": 'contains(country, "x")',
    "match": 'match(country, "x*")',
    "lowercase": 'lowercase(country) = "x"',
    "uppercase": 'uppercase(country) = "X"',
    "starts_with": 'starts_with(country, "x")',
    "ends_with": 'ends_with(country, "x")',
    "length": "length(country) = 1",
    "trim": 'trim(country) = "x"',
    "concat": 'concat(country, "y", country) = "xyx"',
    "snakecase": 'snakecase(country) = "x"',
    "kebabcase": 'kebabcase(country) = "x"',
    "titlecase": 'titlecase(country) = "X"',
    "number": "number(country) is not set",
    "string": 'string(country) = "x"',
    "bool": "bool(country) is not set",
    "typeof": 'typeof(country) = "string"',
    "exists": "exists(orders where value > 1)",
    "count": "count(orders where value > 1) > 1",
    **{
        name: f"{name}(orders.value where value > 1) > 1"
        for name in ("sum", "min", "max", "avg", "first", "last")
    },
}


@pytest.mark.parametrize("name", [*FUNCTIONS, *ROW_FUNCTIONS])
def test_every_pass_knows_every_function(name: str) -> None:
    node = parse(WRITTEN[name])
    assert parse(format(node)) == node
    assert describe(node, SCHEMA)
    problems = [str(problem) for problem in check(node, SCHEMA, condition=True)]
    if name in FUNCTIONS and FUNCTIONS[name].ibis is None:
        assert problems == [f"{name}(…) is asked of single events only."]
    else:
        assert problems == []
        Shop(customers=[{"id": 1}]).who(WRITTEN[name])
    if name in FUNCTIONS:
        assert to_python(node)({"country": "x"}) is True


def test_no_function_is_both_built_and_planned() -> None:
    assert not PLANNED & (set(FUNCTIONS) | set(ROW_FUNCTIONS))


BOOKINGS = Schema(
    columns={"country": "text", "email": "text", "birthday": "date", "opted_in": "boolean"},
    key="id",
    tables={
        "bookings": Table(
            "bookings", {"genre": "text", "total": "number", "booked_at": "instant"}, "id", "booked_at"
        )
    },
    tags=frozenset({"VIP"}),
    audiences=frozenset({"members"}),
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('country = "GB" and not tag("VIP")', ""),
        ("count(bookings) >= 3", ""),
        ('exists(bookings where genre = "opera" and booked_at within 12 months)', ""),
        ("sum(bookings.total where booked_at within 6 months) > 300", ""),
        ("last(bookings.booked_at) before 2 years ago", ""),
        ("anniversary(birthday) within next 7 days", "The function anniversary is not supported yet."),
        ('audience("members") and not match(email, "*@example.com")', ""),
        (
            "opted_in = true top 100 by sum(bookings.total where booked_at within 6 months)",
            "This cannot stand alone in a rule.",
        ),
    ],
)
def test_designed_rules_work_or_say_that_they_do_not_yet(text: str, answer: str) -> None:
    try:
        problems = [str(problem) for problem in check(parse(text), BOOKINGS, condition=True)]
    except RuleError as error:
        problems = [error.message]
    assert problems == ([answer] if answer else [])


def test_a_designed_trigger_works_on_an_event() -> None:
    trigger = to_python(parse('type = "track" and event = "Order Completed" and properties.total > 50'))
    assert trigger({"type": "track", "event": "Order Completed", "properties": {"total": 50.01}})
    assert not trigger({"type": "track", "event": "Order Completed", "properties": {"total": "51"}})


def test_lapsed_buyers_are_those_that_plain_sql_finds() -> None:
    import ibis
    import pyarrow as pa

    days = [
        (1, date(1997, 1, 1)),
        (2, date(1997, 1, 12)),
        (2, date(1997, 7, 5)),  # its midnight is more than 180 days before 06:00 on 1 January 1998
        (3, date(1997, 7, 6)),  # and this one is not
        (4, date(1997, 12, 31)),
        (5, date(1998, 1, 1)),
        (6, date(1998, 1, 2)),  # has not happened yet
        (7, date(1997, 2, 1)),
        (7, date(1998, 1, 2)),
    ]
    duckdb = ibis.duckdb.connect()
    duckdb.con.register("customers", pa.table({"customer_id": list(range(1, 9))}))
    orders = {"customer_id": [number for number, _ in days], "ordered_on": [day for _, day in days]}
    duckdb.con.register("orders", pa.table(orders))
    schema = Schema(
        columns={"customer_id": "number"},
        key="customer_id",
        tables={"orders": Table("orders", {"ordered_on": "date"}, "customer_id", "ordered_on", "order")},
    )
    rules = {
        "LAPSED_BUYER": parse("count(orders) > 0 and not exists(orders where ordered_on within 180 days)"),
        "ORDERS": parse("count(orders)"),
        "LAST_ORDER": parse("last(orders.ordered_on)"),
    }
    tables = {"customers": duckdb.table("customers"), "orders": duckdb.table("orders")}
    expression = select(rules, schema, tables, now=datetime(1998, 1, 1, 6, tzinfo=UTC), zone=UTC)
    found = sorted(tuple(row.values()) for row in duckdb.to_pyarrow(expression).to_pylist())
    plain = """
        select customer_id, count(ordered_on) > 0 and not coalesce(bool_or(
                 ordered_on::timestamp > timestamp '1998-01-01 06:00' - interval 180 day), false),
               count(ordered_on), max(ordered_on)
        from customers left join
             (select * from orders where ordered_on::timestamp <= timestamp '1998-01-01 06:00')
        using (customer_id) group by 1 order by 1
    """
    assert found == duckdb.con.execute(plain).fetchall()
    assert [key for key, lapsed, *_ in found if lapsed] == [1, 2, 7]
