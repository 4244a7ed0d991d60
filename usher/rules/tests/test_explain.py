from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from usher.rules import Explanation, explain, parse
from usher.rules.changes import AddRows
from usher.rules.nodes import Node
from usher.rules.tests.shop import LONDON, NOW, SCHEMA, Shop

LAPSED = "count(orders) > 0 and not exists(orders where day within 180 days)"
ALICE = {"id": 1, "country": "GB", "age": 30}
BOB = {"id": 2}
CAROL = {"id": 3, "country": "FR"}
ORDERS: list[Mapping[str, Any]] = [
    {"customer": 1, "day": date(2023, 1, 1), "value": 10.0},
    {"customer": 3, "day": date(2024, 3, 1), "value": 20.0},
    {"customer": 3, "day": date(2023, 1, 1), "value": 5.0},
]
MEMBERS = {"VIP": [3]}


def explained(
    rule: str, customer: int, orders: list[Mapping[str, Any]] = ORDERS, now: datetime = NOW
) -> Explanation:
    shop = Shop(members=MEMBERS, customers=[ALICE, BOB, CAROL], orders=orders)

    def values(expressions: Mapping[str, Node], now: datetime) -> Mapping[str, object]:
        return shop.ask(expressions, now=now)[customer]

    return explain(parse(rule), SCHEMA, values, now=now, zone=LONDON)


def test_it_shows_what_each_part_says() -> None:
    assert explained(LAPSED, 1) == Explanation(
        text="who have ordered at least once, and not in the last 180 days",
        holds=True,
        children=(
            Explanation("who have ordered at least once", True, 1),
            Explanation(
                "who have not ordered in the last 180 days",
                True,
                children=(Explanation("who have ordered in the last 180 days", False, 0),),
                negation=True,
            ),
        ),
        to_flip="One order in the last 180 days would take them out.",
        change=AddRows("orders", 1, {"day": date(2024, 3, 31)}),
    )


@pytest.mark.parametrize(
    ("rule", "customer", "to_flip"),
    [
        (LAPSED, 3, "Without another order they would be in from 28 August 2024."),
        (LAPSED, 2, "No single change is certain to bring them in."),
        ("count(orders) >= 3", 1, "2 orders would bring them in."),
        ("count(orders) >= 1", 1, "No single change is certain to take them out."),
        ("count(orders) = 2", 3, "One order would take them out."),
        ('count(orders where genre = "opera") > 0', 1, "One order with genre “opera” would bring them in."),
        ('not tag("VIP")', 3, "Taking away the tag “VIP” would bring them in."),
        ('country = "FR" and tag("STAFF")', 3, "The tag “STAFF” would bring them in."),
        ('country = "GB"', 2, "They would be in if their country is “GB”."),
        ('country = "GB"', 1, "They would be out if their country is not “GB”."),
        ('country = "GB" and age > 60', 1, "They would be in if their age is more than 60."),
        ('country = "GB" and age > 60', 2, "No single change is certain to bring them in."),
        ("sum(orders.value) > 50", 3, "One order with value of more than 25 would bring them in."),
        ("last(orders.day) before 6 months ago", 1, "One order would take them out."),
        (
            "last(orders.day) before 6 months ago",
            3,
            "They would be in from 1 September 2024 if nothing else happens.",
        ),
        ("last(orders.day) within 60 days", 1, "One order would bring them in."),
        ("true", 1, "No single change is certain to take them out."),
    ],
)
def test_it_names_the_smallest_change_or_none(rule: str, customer: int, to_flip: str) -> None:
    assert explained(rule, customer).to_flip == to_flip


def test_the_proposed_changes_do_flip() -> None:
    more: Mapping[str, Any] = {"customer": 1, "day": date(2024, 3, 31), "value": 1.0}
    assert not explained(LAPSED, 1, orders=[*ORDERS, more]).holds
    assert not explained(LAPSED, 3, now=datetime(2024, 8, 27, 12, tzinfo=UTC)).holds
    assert explained(LAPSED, 3, now=datetime(2024, 8, 28, 12, tzinfo=UTC)).holds
    before = "last(orders.day) before 6 months ago"
    assert not explained(before, 3, now=datetime(2024, 8, 31, 12, tzinfo=UTC)).holds
    assert explained(before, 3, now=datetime(2024, 9, 1, 12, tzinfo=UTC)).holds
    assert explained("count(orders) >= 3", 1, orders=[*ORDERS, more, more]).holds
    amount: Mapping[str, Any] = {"customer": 3, "day": NOW.date(), "value": 25.5}
    assert explained("sum(orders.value) > 50", 3, orders=[*ORDERS, amount]).holds


def test_it_tells_a_missing_value_from_none_that_is_looked_at() -> None:
    found = explained('most_frequent(orders.genre) = "opera" and tag("VIP") and count(orders) = 0', 2)
    assert [(child.value, child.missing) for child in found.children] == [
        (None, True),
        (None, False),
        (0, False),
    ]
