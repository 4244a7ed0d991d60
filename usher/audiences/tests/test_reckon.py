"""What rules say of kept answers that are whole numbers, on arrays of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from usher import rules
from usher.audiences.ledger import EMPTY
from usher.audiences.numbers import EPOCH
from usher.audiences.reckon import Reckoner, UnableError
from usher.rules import kept, nodes
from usher.rules.clock import Clock
from usher.rules.compile.simpler import lasting
from usher.rules.compile.values import shared
from usher.rules.schema import Table

#: Six in the morning of a day in London, which is five in UTC.
NOW = datetime(2024, 6, 30, 5, tzinfo=UTC)
ORDERS = Table(
    "orders", {"at": "instant", "paid": "number", "due": "date", "items": "number"}, "customer", "at"
)
NONE = EMPTY["max"]


def micro(*moment: int) -> int:
    return int((datetime(*moment, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000  # type: ignore[misc, arg-type]


def days(*day: int) -> int:
    return (date(*day) - EPOCH.date()).days


def held(rule: str, **answers: list[int]) -> list[bool]:
    """By question (count, paid, at, due, items): its numbers; what they stand for goes by the column."""
    kinds = {"paid": "DECIMAL(38, 2)", "at": "TIMESTAMP WITH TIME ZONE", "due": "DATE", "items": "SMALLINT"}
    node = lasting(rules.parse(rule), {"orders": ORDERS})
    asked = {shared(part) for part in nodes.walk(node) if isinstance(part, nodes.Aggregate)}
    names = {kept.column_of(one): one.column or "count" for one in asked}
    numbers = {name: np.array(answers[column], dtype=np.int64) for name, column in names.items()}
    clock = Clock(NOW, ZoneInfo("Europe/London"))
    types = {name: kinds.get(column, "BIGINT") for name, column in names.items()}
    return [bool(one) for one in Reckoner(numbers, types, clock).holds(node)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("count(orders where paid > 0) > 1", [False, False, True]),
        ("count(orders where paid > 0) >= 1.5", [False, False, True]),
        ("count(orders where paid > 0) = 1.5", [False, False, False]),
        ("count(orders where paid > 0) != 1", [True, False, True]),
        ("not 1 < count(orders where paid > 0)", [True, True, False]),
        ("count(orders where paid > 0) between 1 and 2", [False, True, True]),
        ("exists(orders where due within 3 days)", [False, True, True]),
    ],
)
def test_counts(rule: str, expected: list[bool]) -> None:
    assert held(rule, count=[0, 1, 2]) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("sum(orders.paid) > 50.005", [False, False, True, False]),
        ("sum(orders.paid) > 50", [False, False, True, False]),
        ("sum(orders.paid) <= 50", [True, True, False, True]),
        ("sum(orders.paid) = 50.01", [False, False, True, False]),
        ("sum(orders.paid) < 0", [False, False, False, True]),
    ],
)
def test_amounts(rule: str, expected: list[bool]) -> None:
    assert held(rule, paid=[0, 5_000, 5_001, -1]) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("max(orders.items) = 0", [False, True, False]),
        ("max(orders.items) != 0", [False, False, True]),
        ("not max(orders.items) != 0", [True, True, False]),
        ("max(orders.items) is not set", [True, False, False]),
        ("max(orders.items) is set and not max(orders.items) > 2", [False, True, False]),
    ],
)
def test_whoever_did_nothing_has_no_greatest_value(rule: str, expected: list[bool]) -> None:
    assert held(rule, items=[NONE, 0, 3]) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # 23 June, 6 o'clock in London, is no longer within the last 7 days
        ("last(orders.at) within 7 days", [False, False, True, True, False]),
        ("last(orders.at) before 7 days ago", [False, True, False, False, False]),
        ("last(orders.at) after 7 days ago", [False, False, True, True, True]),
        ("last(orders.at) within next 7 days", [False, False, False, False, True]),
        ('last(orders.at) before "2024-06-30"', [False, True, True, False, False]),
        ('last(orders.at) > "2024-06-23T06:00:00"', [False, False, True, True, True]),
        (
            "count(orders) > 0 and not exists(orders where at within 7 days)",
            [False, True, False, False, True],
        ),
    ],
)
def test_times(rule: str, expected: list[bool]) -> None:
    edge = micro(2024, 6, 23, 5)
    assert held(rule, at=[NONE, edge, edge + 1, micro(2024, 6, 30, 5), micro(2024, 6, 30, 6)]) == expected


def test_a_date_is_its_midnight_in_the_organisations_zone() -> None:
    due = [NONE, days(2024, 6, 23), days(2024, 6, 24), days(2024, 6, 30), days(2024, 7, 1)]
    assert held("max(orders.due) within 7 days", due=due) == [False, False, True, True, False]
    assert held("max(orders.due) before 7 days ago", due=due) == [False, True, False, False, False]
    assert held('max(orders.due) = "2024-06-24"', due=due) == [False, False, True, False, False]


@pytest.mark.parametrize(
    "rule",
    [
        'country = "GB"',
        "count(orders) > age",
        'count(orders) > 1 and tag("VIP")',
        "sum(orders.paid) > 99999999999999.5",
        "count(orders) + 1 > 2",
    ],
)
def test_whatever_asks_for_more_is_left_to_the_engine(rule: str) -> None:
    with pytest.raises(UnableError):
        held(rule, count=[], at=[], paid=[])
