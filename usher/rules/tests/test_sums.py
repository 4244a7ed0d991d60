"""Fractions are added in any order; who is in must not depend on it."""

from __future__ import annotations

from datetime import date

from usher.rules.tests.shop import Shop


def test_three_times_a_tenth_is_three_tenths() -> None:
    assert 0.1 + 0.1 + 0.1 > 0.3
    rows = [{"customer": 1, "day": date(2024, 3, 1), "value": 0.1, "genre": None} for _ in range(3)]
    shop = Shop(customers=[{"id": 1}], orders=rows)
    assert shop.who("sum(orders.value) <= 0.3") == [1]
    assert shop.who("sum(orders.value) = 0.3 and avg(orders.value) = 0.1") == [1]
