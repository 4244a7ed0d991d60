"""Links, time functions, sequences, samples, the best of many: literal rows, literal answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from usher.rules.tests.shop import NOW, Shop

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
PEOPLE = [
    {"id": 1, "age": 7, "birthday": date(2000, 2, 29), "seen": NOW - 3 * DAY, "household": 1},
    {"id": 2, "age": 8, "birthday": date(1990, 4, 7), "seen": NOW - 3 * DAY + TICK, "household": 9},
    {"id": 3, "age": 8, "birthday": date(2024, 3, 31), "seen": NOW + DAY},
    {"id": 4},
]
ORDERS = [
    {"customer": 1, "day": date(2024, 3, 1), "value": 10.0, "genre": "opera", "performance": 1},
    {"customer": 1, "day": date(2024, 3, 2), "value": 20.0, "genre": "jazz", "performance": 2},
    {"customer": 1, "day": date(2024, 3, 2), "value": 40.0, "genre": "jazz", "performance": 9},
    {"customer": 2, "day": date(2024, 3, 3), "value": 40.0, "genre": "jazz"},
    {"customer": 2, "day": date(2024, 3, 3), "value": 1.0, "genre": "folk"},
]
PERFORMANCES = [
    {"id": 1, "kind": "opera", "starts": NOW + 2 * DAY, "seats": 100, "venue": "a"},
    {"id": 2, "kind": "jazz", "seats": 100, "venue": "lost"},
]
VENUES = [{"id": "a", "city": "Rome"}]
HOUSEHOLDS = [{"id": 1, "size": 4}]


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(
        customers=PEOPLE, orders=ORDERS, performances=PERFORMANCES, venues=VENUES, households=HOUSEHOLDS
    )


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        ("households.size = 4", [1]),
        ("households.size is not set", [2, 3, 4]),
        ('exists(orders where performances.kind = "opera")', [1]),
        ('exists(orders where performances.venues.city = "Rome" and value < 20)', [1]),
        ("max(orders.performances.starts) within next 2 days", [1]),
        ("count(orders where performances.kind is not set) = 1", [1]),
        ("count(orders where performances.seats * performances.seats * 1000 > 9999999) = 2", [1]),
        ('most_frequent(orders.genre) = "jazz"', [1]),
        ('most_frequent(orders.genre) = "folk"', [2]),  # as often as jazz, and the least
        ("distinct(orders.genre) = 2", [1, 2]),
        ("median(orders.value) = 20.5", [2]),
        ("median(orders.value) = 20", [1]),
        ('birthday between "2000-02-28" and "2000-02-29"', [1]),
        ('seen between "2024-04-01" and "2024-04-01"', [3]),
        ("age between 8 and 8", [2, 3]),
        ("age / 0 is set", []),
        ("round(age / 2) = 4", [1, 2, 3]),
        ("round(0 - age / 2) = -4", [1, 2, 3]),
        ("floor(0 - age / 2) = -4", [1, 2, 3]),
        ("if(age > 7, 1, 2) = 2", [1, 4]),
        ("coalesce(age, 0) = 0", [4]),
        ("days_since(seen) = 3", [1]),
        ("days_since(seen) = 2", [2]),
        ("days_since(seen) = -1", [3]),
        ("days_until(seen) = -3", [1, 2]),
        ("months_since(birthday) = 289", [1]),  # 29 February 2000 plus 289 months is 29 March 2024
        ("age(birthday) = 33", [2]),
        ("anniversary(birthday) within next 7 days", [2]),
        ("anniversary(birthday) within next 6 days", []),
        ("anniversary(birthday) within next 1 year", [1, 2, 3]),
        ("anniversary(birthday) within next 364 days", [1, 2]),  # born today: the first is in a year
        ('day_of_week(birthday) = "Sunday"', [3]),
        ("hour(seen) = 12", [1, 2]),  # 12:00 UTC on 28 March, before the clocks went forward
        ("hour(seen) = 13", [3]),
        ("quantile(age, 2) = 1", [1, 2, 3]),
        ("quantile(age, 3) = 2", [2, 3]),
        ("age > 1 top 1 by age", [2]),
        ("age > 1 top 34% by age", [2, 3]),
        ("(age > 1 top 2 by age) and not (age > 1 top 1 by age)", [3]),
        ("count(orders) >= 0 top 10 by count(orders)", [1, 2, 3, 4]),
        ("count(orders where genre not in []) = 3", [1]),
        ("exists(orders) top 1 by quantile(sum(orders.value), 2)", [1]),
        ("recency_score(orders) = 3", [2]),
        ("frequency_score(orders) = 3", [1]),
        ("monetary_score(orders.value) is not set", [3, 4]),
        ("age > 1 among households.size = 4", [1]),
        ("true sample 100%", [1, 2, 3, 4]),
    ],
)
def test_it_finds_those_for_whom_it_holds(shop: Shop, rule: str, who: list[int]) -> None:
    assert shop.who(rule) == who


def _did(*events: tuple[int, datetime | None, str]) -> Shop:
    rows: list[dict[str, Any]] = [{"customer": key, "at": at, "event": name} for key, at, name in events]
    return Shop(customers=PEOPLE, events=rows, orders=ORDERS)


SEQUENCES = [
    (1, NOW - 5 * DAY, "A"),
    (1, NOW - 3 * DAY, "B"),
    (2, NOW - 4 * DAY, "A"),
    (2, NOW - 4 * DAY, "B"),
    (3, NOW - 5 * DAY, "A"),
    (3, NOW - 3 * DAY + TICK, "B"),
    (4, NOW - 9 * DAY, "B"),
    (4, NOW - 8 * DAY, "A"),
    (4, NOW + TICK, "B"),
]


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        ('did "A"', [1, 2, 3, 4]),
        ('did "A" then "B"', [1, 3]),  # at the same moment is not later, after now does not exist
        ('did "A" then "B" within 2 days', [1]),
        ('did "B" then "A"', [4]),
        ('did "A" not then "B" within 2 days', [2, 3, 4]),
        ('did "A" not then "B" within 3 days', [2, 4]),
        (
            'did "A" not then "B" within 5 days',
            [4],
        ),  # the second's five days are not over
        ('did "A" then "B" not then "A" within 3 days', [1]),  # the third's time is not over
        ('not did "A" then "B"', [2, 4]),
        ('did "A" then "B" then "A"', []),
        ("did orders then orders", [1]),
        ("did orders then orders within 1 day", [1]),
        ("did orders then orders within 23 hours", []),
        ('did "A" then "B" top 1 by age', [3]),
    ],
)
def test_a_step_is_later_than_the_one_before_and_in_time(rule: str, who: list[int]) -> None:
    assert _did(*SEQUENCES).who(rule) == who


def test_the_latest_fitting_row_counts_for_the_next_step() -> None:
    hours = [(9, "A"), (6, "A"), (5, "B"), (2, "C")]
    shop = _did(*((1, NOW - timedelta(hours=ago), name) for ago, name in hours))
    assert shop.who('did "A" then "B" within 1 hour then "C" within 3 hours') == [1]
    assert shop.who('did "A" then "B" within 1 hour then "C" within 2 hours') == []


def test_a_sample_is_the_same_people_every_time() -> None:
    shop = Shop(customers=[{"id": key} for key in range(1, 1001)])
    tenth = shop.who("true sample 10%")
    assert 70 < len(tenth) < 130
    assert tenth == shop.who("true sample 10%")
    assert set(tenth) < set(shop.who("true sample 20%"))
    assert tenth != shop.who('true sample 10% "other"')


def test_old_rows_are_left_out_of_the_scan_where_none_can_matter() -> None:
    shop = Shop(customers=PEOPLE, orders=ORDERS)
    windows = {f"r{days}": f"count(orders where day within {days} days) > 1" for days in (30, 60)}
    assert "MAKE_DATE(2024, 1, 31)" in str(shop.duckdb.compile(shop.compile(windows)))
    all_time = str(shop.duckdb.compile(shop.compile({**windows, "all": "count(orders) > 1"})))
    assert all_time.count("MAKE_DATE(2024, 1, 31)") == 1  # in the count of sixty days only


def test_a_lone_exists_groups_nothing() -> None:
    shop = Shop(customers=PEOPLE, orders=ORDERS)
    sql = str(shop.duckdb.compile(shop.compile({"it": "exists(orders where day within 30 days)"})))
    assert (sql.count("GROUP BY"), sql.count("JOIN"), sql.count(" IN (")) == (0, 0, 1)


def test_a_yes_or_no_that_is_missing_stays_missing_in_a_value() -> None:
    shop = Shop(customers=[{"id": 1, "opted_in": True}, {"id": 2, "opted_in": False}, {"id": 3}])
    asked = {
        "column": "opted_in",
        "chosen": "if(opted_in is set, opted_in, opted_in)",
        "first": "coalesce(opted_in, opted_in)",
        "condition": "opted_in = true",
        "denied": "not opted_in",
        "asked": 'contains(country, "x")',
    }
    answers = shop.ask(asked)
    assert [list(answers[key].values()) for key in (1, 2, 3)] == [
        [True, True, True, True, False, False],
        [False, False, False, False, True, False],
        [None, None, None, False, True, False],
    ]


def test_a_time_that_clocks_show_twice_is_the_second_of_the_two() -> None:
    first, second = datetime(2023, 10, 29, 0, 30, tzinfo=UTC), datetime(2023, 10, 29, 1, 30, tzinfo=UTC)
    shop = Shop(customers=[{"id": 1, "seen": first}, {"id": 2, "seen": second}])
    assert shop.who('seen >= "2023-10-29T01:30" and seen <= "2023-10-29T01:30"') == [2]
    assert shop.who('seen = "2023-10-29T01:30+01:00"') == [1]
    month_after = datetime(2023, 11, 29, 1, 30, tzinfo=UTC)
    assert shop.who("seen within 1 month", now=month_after - TICK) == [2]
    spring = Shop(customers=[{"id": 1, "seen": datetime(2024, 3, 31, 1, 30, tzinfo=UTC)}])
    assert spring.who('seen = "2024-03-31T01:30"') == [1]
