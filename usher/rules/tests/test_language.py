"""Every pass knows every node and every function, and the designed examples work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from usher.rules import (
    Schema,
    Table,
    check,
    describe,
    explain,
    format,
    nodes,
    parse,
    references,
    select,
    to_python,
)
from usher.rules.errors import RuleError
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.nodes import Node, walk
from usher.rules.tests.shop import LONDON, NOW, SCHEMA, Shop

EVERYTHING = {
    nodes.Literal: "true",
    nodes.Null: "country in [null]",
    nodes.Path: "opted_in",
    nodes.Call: 'contains(country, "x")',
    nodes.Arithmetic: "age * 2 + 1 > 5",
    nodes.Comparison: "age > 5",
    nodes.In: "age in [1, 2]",
    nodes.Between: 'birthday between "1980-01-01" and "1989-12-31"',
    nodes.IsSet: "age is set",
    nodes.Period: "birthday within 3 days",
    nodes.Within: "birthday within next 3 days",
    nodes.Timed: "birthday before 3 days ago",
    nodes.Not: "not opted_in",
    nodes.And: "opted_in and age > 5",
    nodes.Or: "opted_in or age > 5",
    nodes.Aggregate: "exists(orders)",
    nodes.Membership: 'tag("VIP")',
    nodes.Step: "did (orders where value > 5)",
    nodes.Sequence: 'did "A" then visits within 7 days not then "B" within 2 days',
    nodes.Among: "opted_in among age > 5",
    nodes.Sample: 'opted_in sample 10% "spring"',
    nodes.Top: "opted_in top 5 by sum(orders.value)",
}
OF_PEOPLE_ONLY = {
    nodes.Aggregate,
    nodes.Membership,
    nodes.Step,
    nodes.Sequence,
    nodes.Among,
    nodes.Sample,
    nodes.Top,
}


def test_there_is_an_example_of_every_node() -> None:
    assert set(EVERYTHING) == set(Node.__subclasses__())


def _answers(node: Node) -> object:
    """What the rule says of a customer, and the explanation of it."""
    shop = Shop(customers=[{"id": 1}])

    def values(questions: Mapping[str, Node], now: datetime) -> Mapping[str, Any]:
        return shop.ask(questions, now=now)[1]

    explained = explain(node, SCHEMA, values, now=NOW, zone=LONDON)
    answer = bool(shop.ask({"it": node})[1]["it"])  # a bare column may be missing
    assert explained.text
    assert explained.holds is answer
    return answer


@pytest.mark.parametrize("kind", EVERYTHING, ids=lambda kind: kind.__name__)
def test_every_pass_knows_every_node(kind: type[Node]) -> None:
    node = parse(EVERYTHING[kind])
    assert any(isinstance(part, kind) for part in walk(node))
    assert parse(format(node)) == node
    assert check(node, SCHEMA, condition=True) == []
    assert describe(node, SCHEMA).endswith(".")
    assert references(node)
    assert _answers(node) in (True, False)
    if kind in OF_PEOPLE_ONLY:
        with pytest.raises(RuleError, match="asked of people"):
            to_python(node, now=NOW)
    else:
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
    "round": "round(age, 1) = 40.5",
    "floor": "floor(age) = 40",
    "ceil": "ceil(age) = 41",
    "abs": "abs(age - 41) = 0.5",
    "coalesce": "coalesce(country, email) = 'x'",
    "if": "if(age > 5, country, email) = 'x'",
    "quantile": "quantile(age, 4) = 4",
    "age": "age(birthday) = 24",
    "anniversary": "anniversary(birthday) within 60 days",
    "days_between": "days_between(birthday, joined) = 8779",
    "year": "year(birthday) = 2000",
    "month": "month(birthday) = 2",
    "day_of_month": "day_of_month(birthday) = 29",
    "day_of_week": "day_of_week(birthday) = 'Tuesday'",
    "hour": "hour(joined) = 13",
    "days_since": "days_since(joined) = 17",
    "weeks_since": "weeks_since(joined) = 2",
    "months_since": "months_since(birthday) = 289",
    "years_since": "years_since(birthday) = 24",
    "days_until": "days_until(joined) = -18",
    "weeks_until": "weeks_until(joined) = -3",
    "months_until": "months_until(joined) = -1",
    "years_until": "years_until(joined) = -1",
    "exists": "exists(orders where value > 1)",
    "count": "count(orders where value > 1) > 1",
    "distinct": "distinct(orders.genre) > 1",
    "most_frequent": "most_frequent(orders.genre) = 'opera'",
    "recency_score": "recency_score(orders where value > 1) = 5",
    "frequency_score": "frequency_score(visits) = 5",
    "monetary_score": "monetary_score(orders.value) = 5",
    **{
        name: f"{name}(orders.value where value > 1) > 1"
        for name in ("sum", "min", "max", "avg", "first", "last", "median")
    },
}
CUSTOMER: dict[str, Any] = {
    "id": 1,
    "country": "x",
    "email": "a@example.com",
    "age": 40.5,
    "birthday": date(2000, 2, 29),
    "joined": datetime(2024, 3, 13, 13, tzinfo=UTC),
}


def test_there_is_a_rule_for_every_function() -> None:
    assert set(WRITTEN) == {*FUNCTIONS, *ROW_FUNCTIONS}


@pytest.mark.parametrize("name", [*FUNCTIONS, *ROW_FUNCTIONS])
def test_every_pass_knows_every_function(name: str) -> None:
    node = parse(WRITTEN[name])
    assert parse(format(node)) == node
    assert describe(node, SCHEMA).endswith(".")
    problems = [str(problem) for problem in check(node, SCHEMA, condition=True)]
    if name in FUNCTIONS and FUNCTIONS[name].ibis is None:
        assert problems == [f"{name}(…) is asked of single events only."]
    else:
        assert problems == []
        assert _answers(node) in (True, False)
    if name in FUNCTIONS and FUNCTIONS[name].python:
        assert to_python(node, now=NOW)(CUSTOMER) is True
    else:
        with pytest.raises(RuleError, match=rf"{name}\(…\) is asked of people"):
            to_python(node, now=NOW)


@pytest.mark.parametrize("name", [*FUNCTIONS, *ROW_FUNCTIONS])
def test_every_function_says_what_it_is_for(name: str) -> None:
    function = FUNCTIONS.get(name) or ROW_FUNCTIONS[name]
    assert function.says
    assert not function.says.endswith(".")
    used = {
        part.name for part in walk(parse(function.example)) if isinstance(part, nodes.Call | nodes.Aggregate)
    }
    assert name in used


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
    "text",
    [
        'country = "GB" and not tag("VIP")',
        "count(bookings) >= 3",
        'exists(bookings where genre = "opera" and booked_at within 12 months)',
        "sum(bookings.total where booked_at within 6 months) > 300",
        "last(bookings.booked_at) before 2 years ago",
        "anniversary(birthday) within next 7 days",
        'audience("members") and not match(email, "*@example.com")',
        "opted_in = true top 100 by sum(bookings.total where booked_at within 6 months)",
    ],
)
def test_designed_rules_work(text: str) -> None:
    assert [str(problem) for problem in check(parse(text), BOOKINGS, condition=True)] == []


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
