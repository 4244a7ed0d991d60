from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from usher.rules import RuleError, parse, select
from usher.rules.nodes import Node
from usher.rules.tests.reference import Reference
from usher.rules.tests.rules import NAMED, TEXTS, fields, rules
from usher.rules.tests.shop import LONDON, NOW, SCHEMA, Shop

DAY = timedelta(days=1)
INSTANTS = [
    NOW,
    NOW + timedelta(microseconds=1),
    NOW - DAY,
    NOW - DAY + timedelta(microseconds=1),
    NOW - timedelta(minutes=1),
    NOW + timedelta(hours=2),
    NOW - 30 * DAY,
    datetime(2024, 2, 29, 13, tzinfo=LONDON),  # one month ago, at the end of a month
    datetime(2024, 3, 30, tzinfo=LONDON),
    datetime(2023, 3, 31, 13, tzinfo=LONDON),
]
DAYS = [
    date(2024, 3, 31),
    date(2024, 3, 30),
    date(2024, 3, 1),
    date(2024, 2, 29),
    date(2024, 4, 1),
    date(2023, 3, 31),
]


def _maybe(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(values)


keys = st.sampled_from([1, 2, 3, None, 99])
local = _maybe([moment.astimezone(LONDON).replace(tzinfo=None) for moment in INSTANTS])
customers = st.fixed_dictionaries(
    {
        "country": _maybe(TEXTS),
        "email": _maybe(TEXTS),
        "age": _maybe([0, 1, 2, 30]),
        "opted_in": _maybe([True, False]),
        "birthday": _maybe(DAYS),
        "joined": local,
        "seen": _maybe(INSTANTS),
        "household": _maybe([1, 2, 9]),
    }
)
orders = st.fixed_dictionaries(
    {
        "customer": keys,
        "day": _maybe(DAYS),
        "value": _maybe([0.0, 1.0, 2.5, -1.0]),
        "genre": _maybe(TEXTS),
        "performance": _maybe([1, 2, 9]),
    }
)
events = st.fixed_dictionaries({"customer": keys, "at": _maybe(INSTANTS), "event": _maybe(NAMED)})
performances = st.fixed_dictionaries(
    {
        "kind": _maybe(TEXTS),
        "starts": _maybe(INSTANTS),
        "seats": _maybe([0, 1, 30]),
        "venue": _maybe(["1", "2", "x"]),
    }
)
venues = st.fixed_dictionaries({"city": _maybe(TEXTS), "opened": _maybe(DAYS)})
households = st.fixed_dictionaries({"size": _maybe([1, 2, 30]), "place": _maybe(TEXTS)})


def _numbered(rows: st.SearchStrategy[Any], count: int, kind: type = int) -> st.SearchStrategy[Any]:
    return st.lists(rows, min_size=count, max_size=count).map(
        lambda found: [{**row, "id": kind(number)} for number, row in enumerate(found, 1)]
    )


visits = st.fixed_dictionaries({"customer": keys, "at": _maybe(INSTANTS), "page": _maybe(TEXTS)})
notes = st.fixed_dictionaries({"customer": keys, "text": _maybe(TEXTS)})
data = st.fixed_dictionaries(
    {
        "customers": _numbered(customers, 3),
        "orders": st.lists(orders, max_size=6),
        "visits": st.lists(visits, max_size=4),
        "notes": st.lists(notes, max_size=3),
        "events": st.lists(events, max_size=6),
        "performances": _numbered(performances, 2),
        "venues": _numbered(venues, 2, str),
        "households": _numbered(households, 2),
    }
)
memberships = st.fixed_dictionaries(
    {name: st.lists(keys, max_size=3) for name in ("VIP", "STAFF", "local", "members")}
)


@settings(
    max_examples=int(os.environ.get("USHER_RANDOM_RULES", "8")),
    deadline=None,
    phases=[Phase.generate],  # shrinking would take minutes
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data, memberships, st.lists(rules(), min_size=4, max_size=6), st.lists(fields(), max_size=3))
def test_a_set_gives_what_each_customer_would_get_alone(
    tables: Mapping[str, list[dict[str, Any]]],
    members: Mapping[str, list[int | None]],
    conditions: list[Node],
    values: list[Node],
) -> None:
    expressions = {f"it{number}": node for number, node in enumerate([*conditions, *values])}
    found = Shop(members=members, **tables).ask(expressions)
    reference = Reference(SCHEMA, tables, members, NOW, LONDON)
    for customer in tables["customers"]:
        for name, node in expressions.items():
            assert found[customer["id"]][name] == reference.ask(node, customer), node


ALICE = {"id": 1, "country": "GB", "email": "alice@example.com", "age": 30, "opted_in": True}
BOB = {"id": 2}
CAROL = {
    "id": 3,
    "country": "FR",
    "email": "Carol@x.org",
    "age": 5,
    "opted_in": False,
    "birthday": date(2024, 4, 2),
}
ORDERS = [
    {"customer": 1, "day": date(2024, 3, 1), "value": 10.0, "genre": "opera"},
    {"customer": 1, "day": date(2024, 3, 30), "value": 20.0, "genre": "jazz"},
    {"customer": 1, "day": date(2024, 3, 30), "value": 5.0, "genre": "folk"},
    {"customer": 1, "day": date(2024, 4, 1), "value": 900.0, "genre": "future"},
    {"customer": 3, "day": date(2023, 1, 1), "value": None, "genre": None},
    {"customer": 3, "day": None, "value": 7.0, "genre": "lost"},
    {"customer": None, "day": date(2024, 1, 1), "value": 7.0, "genre": "nobody"},
    {"customer": 77, "day": date(2024, 1, 1), "value": 7.0, "genre": "stranger"},
]


@pytest.fixture(scope="module")
def shop() -> Shop:
    members = {"VIP": [1, 1, None], "STAFF": [], "members": [1, 2, 55]}
    return Shop(members=members, customers=[ALICE, BOB, CAROL], orders=ORDERS)


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        ('country = "GB"', [1]),
        ('not country = "GB"', [2, 3]),
        ('country != "GB"', [2, 3]),
        ("age != 5", [1]),
        ("not age = 5", [1, 2]),
        ("age < 18", [3]),
        ("18 > age", [3]),
        ("opted_in", [1]),
        ("not opted_in", [2, 3]),
        ("opted_in != true", [2, 3]),
        ("opted_in = false", [3]),
        ('country in ["GB", "FR"]', [1, 3]),
        ('country in ["GB", null]', [1, 2]),
        ('country not in ["GB"]', [2, 3]),
        ("country in []", []),
        ("country is set", [1, 3]),
        ("country = null", [2]),
        ('contains(email, "example")', [1]),
        ('not contains(email, "example")', [3]),
        ('match(email, "*@example.com")', [1]),
        ('match(email, "?arol@[w-y].*")', [3]),
        ('match(email, "*")', [1, 3]),
        ('not match(email, "*@example.com")', [3]),
        ('match(lowercase(email), "carol*")', [3]),
        ('tag("VIP")', [1]),
        ('not tag("VIP")', [2, 3]),
        ('tag("STAFF")', []),
        ('audience("members") and not tag("VIP")', [2]),
        ("exists(orders)", [1, 3]),
        ("not exists(orders)", [2]),
        ("count(orders) = 0", [2]),
        ("count(orders) >= 3", [1]),
        ("exists(orders where day within 31 days)", [1]),
        ("exists(orders where day within 1 month)", [1]),
        ("sum(orders.value) > 30", [1]),
        ("sum(orders.value) < 30", [2, 3]),
        ('max(orders.value where genre = "opera") = 10', [1]),
        ("avg(orders.value) > 11", [1]),
        ('last(orders.genre) = "jazz"', [1]),
        ('first(orders.genre) = "opera"', [1]),
        ("last(orders.day) before 1 year ago", [3]),
        ("last(orders.day) within 2 days", [1]),
        ('last(orders.day) = "2024-03-30"', [1]),
        ('min(orders.day) before "2024-03-01"', [3]),
        ('min(orders.day) < "2024-03-02"', [1, 3]),
        ("not last(orders.day) within 2 days", [2, 3]),
        ("birthday within next 7 days", [3]),
        ("exists(orders) = false", [2]),
        ('(exists(orders) or age > 1) and not (tag("VIP") or country = "GB")', [3]),
        ("true", [1, 2, 3]),
        ("false", []),
    ],
)
def test_it_finds_those_for_whom_a_rule_holds(shop: Shop, rule: str, who: list[int]) -> None:
    assert shop.who(rule) == who


def test_fields_come_beside_conditions(shop: Shop) -> None:
    found = shop.ask(
        {
            "orders": "count(orders)",
            "spent": "sum(orders.value)",
            "last": "last(orders.day)",
            "genre": "last(orders.genre)",
            "country": "lowercase(country)",
        }
    )
    assert found == {
        1: {"orders": 3, "spent": 35.0, "last": date(2024, 3, 30), "genre": "jazz", "country": "gb"},
        2: {"orders": 0, "spent": 0.0, "last": None, "genre": None, "country": None},
        3: {"orders": 1, "spent": 0.0, "last": date(2023, 1, 1), "genre": None, "country": "fr"},
    }


@pytest.mark.parametrize(
    ("rule", "zone", "who"),
    [  # 12:00 UTC on 31 March 2024, the day on which London's clocks went forward, is 13:00 there
        ("seen within 1 day", "Europe/London", [2, 3]),
        ("seen before 1 day ago", "Europe/London", [1]),
        ("seen within next 1 day", "Europe/London", [4]),
        ("seen after 1 day ago", "Europe/London", [2, 3, 4]),
        ("joined within 1 hour", "Europe/London", [2]),
        ("joined within 1 hour", "UTC", [1]),
        ("birthday within 1 day", "Europe/London", [2]),
        ("birthday within 1 day", "Pacific/Auckland", [3]),
        ('birthday = "2024-03-31"', "Europe/London", [2]),
        ('birthday = "2024-03-31T12:00"', "Europe/London", []),
        ('birthday != "2024-03-31T12:00"', "Europe/London", [1, 2, 3, 4]),
        ('birthday != "2024-03-31"', "Europe/London", [1, 3, 4]),
        ('birthday <= "2024-03-31T12:00"', "Europe/London", [1, 2]),
        ('seen after "2024-03-31T13:00+01:00"', "Europe/London", [4]),
        ('seen >= "2024-03-31T13:00"', "Europe/London", [3, 4]),
    ],
)
def test_windows_are_open_at_the_far_end_and_closed_at_now(rule: str, zone: str, who: list[int]) -> None:
    tick = timedelta(microseconds=1)
    noon = datetime.fromisoformat("2024-03-31T12:00")  # without a zone: what a wall clock showed
    hour = timedelta(hours=1)
    people = [
        {"id": 1, "seen": NOW - DAY, "joined": noon, "birthday": date(2024, 3, 30)},
        {"id": 2, "seen": NOW - DAY + tick, "joined": noon + hour, "birthday": date(2024, 3, 31)},
        {"id": 3, "seen": NOW, "joined": noon + 2 * hour, "birthday": date(2024, 4, 1)},
        {"id": 4, "seen": NOW + tick},
    ]
    assert Shop(customers=people).who(rule, zone=ZoneInfo(zone)) == who


def test_months_end_where_the_month_ends() -> None:
    people = [{"id": day, "birthday": date(2024, 2, day)} for day in (28, 29)] + [
        {"id": 1, "birthday": date(2024, 3, 1)}
    ]
    shop = Shop(customers=people)
    assert shop.who("birthday within 1 month") == [1]
    assert shop.who("birthday before 1 month ago") == [28, 29]
    assert shop.who("birthday within 1 month", now=datetime(2024, 3, 28, 23, tzinfo=UTC)) == [1, 29]


def test_keys_of_different_kinds_meet() -> None:
    import pyarrow as pa

    shop = Shop(customers=[ALICE, BOB])
    shop.duckdb.con.register(
        "orders", pa.table({"customer": ["1"], "day": [date(2024, 1, 1)], "value": [1.0], "genre": ["x"]})
    )
    assert shop.who("exists(orders)") == [1]


def test_one_scan_serves_all_rules_over_a_table(shop: Shop) -> None:
    conditions = {f"rule{days}": f"exists(orders where day within {days} days)" for days in range(1, 30)}
    sql = str(
        shop.duckdb.compile(shop.compile({**conditions, "n": "count(orders)", "s": "sum(orders.value)"}))
    )
    assert (sql.count("GROUP BY"), sql.count("JOIN")) == (1, 1)


def test_exists_and_count_share_a_column(shop: Shop) -> None:
    sql = str(
        shop.duckdb.compile(
            shop.compile({"a": "exists(orders)", "b": "count(orders) > 2", "c": "count(orders)"})
        )
    )
    assert sql.count("COUNT(") == 1


def test_a_rule_with_problems_is_refused() -> None:
    with pytest.raises(
        RuleError, match=r"VIPS: There is no column in customers called contry. Did you mean country"
    ):
        Shop().compile({"VIPS": 'contry = "GB"'})


def test_the_key_cannot_be_computed() -> None:
    with pytest.raises(ValueError, match="cannot be called id"):
        Shop().compile({"id": "age > 5"})


def test_members_must_be_known() -> None:
    with pytest.raises(RuleError, match="no members are known"):
        select({"it": parse('tag("VIP")')}, SCHEMA, Shop().tables(), now=NOW, zone=UTC)
