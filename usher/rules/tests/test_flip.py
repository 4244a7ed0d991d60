from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from usher.rules import Explanation, check, explain, nodes, parse
from usher.rules.changes import AddRows, Change, SetColumn, SetMember, Wait
from usher.rules.facts import inner
from usher.rules.nested import unfolded
from usher.rules.nodes import Membership, Node
from usher.rules.schema import Link, Table
from usher.rules.tests.rules import rules
from usher.rules.tests.shop import LONDON, NOW, SCHEMA, TYPES, Shop
from usher.rules.tests.test_to_ibis import data, memberships

Tables = Mapping[str, list[dict[str, Any]]]
Members = Mapping[str, list[int | None]]


def explained(node: Node, customer: int, shop: Shop) -> Explanation:
    def values(expressions: Mapping[str, Node], now: datetime) -> Mapping[str, object]:
        return shop.ask(expressions, now=now)[customer]

    return explain(node, SCHEMA, values, now=NOW, zone=LONDON)


def carried_out(change: Change, customer: int, tables: Tables, members: Members) -> tuple[Shop, datetime]:
    """The shop after a change, and the moment."""
    after = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    keys, now = {name: list(found) for name, found in members.items()}, NOW
    match change:
        case AddRows(table=name, count=count, values=values):
            row = {SCHEMA.tables[name].key: customer}
            _fill(row, values, TYPES[name], SCHEMA.tables[name].links, after)
            after.setdefault(name, []).extend([row] * count)
        case SetColumn(column=column, value=value):
            (row,) = (row for row in after["customers"] if row["id"] == customer)
            _fill(row, {column: value}, TYPES["customers"], SCHEMA.links, after)
        case SetMember(name=name, member=member):
            others = [key for key in keys.get(name, []) if key != customer]
            keys[name] = [*others, customer] if member else others
        case Wait(until=until):
            now = until
    return Shop(members=keys, **after), now


def _fill(
    row: dict[str, Any],
    values: Mapping[str, Any],
    types: Mapping[str, Any],
    links: Mapping[str, Link],
    tables: dict[str, list[dict[str, Any]]],
) -> None:
    """Set columns; those of linked rows in new rows, to which the row then leads."""
    beyond: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name in types:
            naive = isinstance(value, datetime) and getattr(types[name], "tz", None) is None
            row[name] = value.astimezone(LONDON).replace(tzinfo=None) if naive else value
        else:
            step, _, rest = name.partition(".")
            beyond.setdefault(step, {})[rest] = value
    for step, found in beyond.items():
        table: Table = SCHEMA.lookups[links[step].table]
        old = next((other for other in tables[table.name] if other["id"] == row.get(links[step].column)), {})
        key: Any = "new" if table.name == "venues" else 77
        new = {**old, "id": key}
        _fill(new, found, TYPES[table.name], table.links, tables)
        tables[table.name].append(new)
        row[links[step].column] = key


def demand_consistent(node: Node, found: Explanation) -> None:
    """What a part says follows from what the parts inside it say."""
    below = [child.holds for child in found.children]
    match node:
        case nodes.Not() if below:
            assert found.holds is not below[0]
        case nodes.And() | nodes.Among():
            assert found.holds is all(below)
        case nodes.Or():
            assert found.holds is any(below)
        case nodes.Sample() | nodes.Top():
            assert below[0] or not found.holds
    for part, child in zip(inner(node), found.children, strict=True):
        demand_consistent(part, child)


def demand_flip(node: Node, customer: int, tables: Tables, members: Members) -> Explanation:
    """An explanation agrees with the selection, and the change that it proposes changes the answer."""
    shop = Shop(members=members, **tables)
    found = explained(node, customer, shop)
    assert found.holds is shop.ask({"it": node})[customer]["it"]
    demand_consistent(node, found)
    if found.change is not None:
        after, now = carried_out(found.change, customer, tables, members)
        answer = after.ask({"it": node}, now=now)[customer]["it"]
        assert answer is not found.holds, (found.to_flip, found.change)
    assert (found.change is None) is (found.to_flip or "").startswith("No single change")
    return found


TABLES: Tables = {
    "customers": [
        {"id": 1, "country": "GB", "birthday": date(1950, 4, 10), "household": 1},
        {"id": 2, "country": "FR", "age": 30, "birthday": date(1990, 4, 10)},
        {"id": 3},
    ],
    "orders": [
        {"customer": 1, "day": date(2024, 3, 20), "value": 10.0, "genre": "opera", "performance": 1},
        {"customer": 1, "day": date(2024, 3, 1), "value": 20.0, "genre": "dance"},
        {"customer": 2, "day": date(2024, 3, 1), "value": 5.0},
    ],
    "visits": [],
    "notes": [],
    "events": [
        {"customer": 1, "at": datetime(2024, 3, 29, 12, tzinfo=UTC), "event": "Cart Viewed"},
        {"customer": 2, "at": datetime(2024, 3, 1, 12, tzinfo=UTC), "event": "Cart Viewed"},
    ],
    "performances": [{"id": 1, "kind": "opera", "seats": 30}],
    "venues": [],
    "households": [{"id": 1, "size": 2}],
}
MEMBERS: Members = {"VIP": [1]}
IN, OUT = "bring them in", "take them out"


@pytest.mark.parametrize(
    ("rule", "customer", "to_flip"),
    [
        ('did "Cart Viewed" then "Bought" within 7 days', 1, f"One “Bought” would {IN}."),
        ('did "Cart Viewed" then "Bought" within 7 days', 2, f"No single change is certain to {IN}."),
        ('did "Bought"', 3, f"One “Bought” would {IN}."),
        (
            'did "Cart Viewed" not then "Bought" within 7 days',
            1,
            "They would be in from 5 April 2024 if nothing else happens.",
        ),
        (
            'exists(orders where performances.kind = "dance")',
            1,
            f"One order with performance kind “dance” would {IN}.",
        ),
        (
            'exists(orders where performances.venues.city = "Leeds" and value between 5 and 9)',
            3,
            f"One order with performance venue city “Leeds” where value is between 5 and 9 would {IN}.",
        ),
        ("households.size > 3", 1, "They would be in if their household size is more than 3."),
        ("age between 40 and 50", 2, "They would be in if their age is between 40 and 50."),
        ('country = "fr" ignoring case', 1, "They would be in if their country is “fr” in any case."),
        ("age(birthday) >= 34", 2, "They would be in from 10 April 2024 if nothing else happens."),
        (
            "days_since(last(orders.day)) > 20",
            1,
            "They would be in from 10 April 2024 if nothing else happens.",
        ),
        (
            "anniversary(birthday) in next 7 days",
            1,
            "They would be in from 3 April 2024 if nothing else happens.",
        ),
        ("count(orders) between 2 and 5", 1, f"No single change is certain to {OUT}."),
        ('tag("VIP") top 1 by age', 1, f"No single change is certain to {IN}."),
        ("true top 1 by sum(orders.value)", 1, f"No single change is certain to {OUT}."),
        ("true top 1 by sum(orders.value)", 2, f"No single change is certain to {IN}."),
        ('tag("VIP") top 1 by sum(orders.value)', 1, f"Taking away the tag “VIP” would {OUT}."),
        ('(tag("VIP") among country = "GB") sample 100%', 1, f"Taking away the tag “VIP” would {OUT}."),
        ('exists(orders) among country = "GB"', 3, f"No single change is certain to {IN}."),
        ('most_frequent(orders.genre) = "opera"', 3, f"One order with genre “opera” would {IN}."),
        ('most_frequent(orders.genre) = "opera"', 1, f"No single change is certain to {IN}."),
        (
            'first(orders.genre where value > 5) != "opera"',
            3,
            f"One order where value is more than 5 and genre is “opera” would {OUT}.",
        ),
        ("avg(orders.value) > 50", 3, f"One order where value is more than 50 would {IN}."),
        (
            'last(orders.performances.kind) in ["opera", "dance"]',
            2,
            f"One order where performance kind is “opera” or “dance” would {IN}.",
        ),
        ('not contains(country, "B")', 3, "They would be in if their country does not contain “B”."),
        ("sum(orders.value) / count(orders) > 100", 1, f"No single change is certain to {IN}."),
        ("quantile(age, 2) = 2", 2, f"No single change is certain to {IN}."),
    ],
)
def test_it_names_a_change_that_flips_or_none(rule: str, customer: int, to_flip: str) -> None:
    assert demand_flip(parse(rule), customer, TABLES, MEMBERS).to_flip == to_flip


#: What people ask, to be joined at random: the rules of the other tests are stranger, and seldom flip.
ASKED = [
    "count(orders) >= 2",
    "count(orders) = 1",
    "not exists(orders where day within 30 days)",
    "exists(orders where day within 1 day)",
    'exists(orders where genre = "opera")',
    'exists(orders where performances.kind = "GB")',
    "sum(orders.value) > 2",
    "last(orders.day) before 1 month ago",
    "last(visits.at) within 2 days",
    "exists(visits where at within 30 days)",
    "count(visits) < 2",
    'did "Bought"',
    'did "Cart" then "Bought" within 30 days',
    'did "Cart" not then "Bought" within 1 day',
    'country = "GB"',
    'not contains(country, "G")',
    "age between 1 and 30",
    "opted_in = false",
    "birthday within 1 month",
    "anniversary(birthday) in next 30 days",
    "days_since(joined) > 2",
    "households.size > 2",
    'tag("VIP")',
    'audience("members")',
    "(opted_in top 2 by sum(orders.value))",
    '(tag("VIP") sample 50%)',
]
asked = st.recursive(
    st.sampled_from(ASKED),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.builds(lambda one, other: f"({one} and {other})", inner, inner),
        st.builds(lambda one, other: f"({one} or {other})", inner, inner),
    ),
    max_leaves=3,
).map(parse)


@settings(
    max_examples=int(os.environ.get("USHER_RANDOM_RULES", "8")),
    deadline=None,
    phases=[Phase.generate],  # shrinking would take minutes
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(data, memberships, asked | rules(), st.sampled_from([1, 2, 3]))
def test_what_it_proposes_flips_the_answer(
    tables: Tables, members: Members, node: Node, customer: int
) -> None:
    assume(not check(node, SCHEMA, condition=True))
    demand_flip(node, customer, tables, members)


def test_it_does_not_propose_to_take_away_what_a_rule_gives() -> None:
    schema = replace(SCHEMA, by_hand=frozenset({("tag", "VIP")}))
    shop = Shop(members={"VIP": [1], "STAFF": [1]}, customers=[{"id": 1}])

    def values(expressions: Mapping[str, Node], now: datetime) -> Mapping[str, object]:
        return shop.ask(expressions, now=now)[1]

    def to_flip(rule: str) -> str | None:
        return explain(parse(rule), schema, values, now=NOW, zone=LONDON).to_flip

    assert to_flip('tag("VIP")') == "Taking away the tag “VIP” would take them out."
    assert to_flip('tag("STAFF")') == (
        "No single change is certain to take them out."
        " It takes losing the tag “STAFF”, on which its own rule decides: see why there."
    )


#: Tags and segments by their rules; VIP and the audience “members” are filled by hand.
NESTED = {
    "STAFF": 'segment("local") and not exists(orders where day within 5 days)',
    "local": 'count(orders) >= 2 and tag("VIP")',
}


@pytest.mark.parametrize(
    ("rule", "customer", "to_flip"),
    [
        ('tag("STAFF")', 1, f"Taking away the tag “VIP” would {OUT}."),
        ('not tag("STAFF")', 1, f"Taking away the tag “VIP” would {IN}."),
        ('segment("local") and country = "GB"', 1, f"Taking away the tag “VIP” would {OUT}."),
        ('segment("local") or exists(visits)', 2, f"One visit would {IN}."),
        (
            'tag("STAFF") and audience("members")',
            3,
            f"No single change is certain to {IN}. The tag “STAFF” has a rule of its own: see why there.",
        ),
    ],
)
def test_it_looks_into_nested_rules(rule: str, customer: int, to_flip: str) -> None:
    schema = replace(SCHEMA, by_hand=frozenset({("tag", "VIP"), ("audience", "members")}))

    def rule_of(part: Membership) -> Node | None:
        return parse(NESTED[part.name]) if part.name in NESTED else None

    shop = Shop(members={"VIP": [1], "STAFF": [1], "local": [1], "members": []}, **TABLES)

    def values(expressions: Mapping[str, Node], now: datetime) -> Mapping[str, object]:
        return shop.ask(expressions, now=now)[customer]

    node = parse(rule)
    assert explain(node, schema, values, now=NOW, zone=LONDON, rule_of=rule_of).to_flip == to_flip


def test_what_is_nested_means_the_same_in_its_place() -> None:
    shop = Shop(customers=[{"id": 1}, {"id": 2, "country": "GB"}, {"id": 3, "country": "FR"}])
    whole = unfolded(parse('not tag("BRITISH")'), lambda part: parse('contains(country, "GB")'))
    assert [key for key, answer in shop.ask({"it": whole}).items() if answer["it"]] == [1, 3]


def test_a_nested_rule_that_was_not_evaluated_yet_is_left_alone() -> None:
    shop = Shop(members={"STAFF": []}, **TABLES)

    def values(expressions: Mapping[str, Node], now: datetime) -> Mapping[str, object]:
        return shop.ask(expressions, now=now)[1]

    node, schema = parse('tag("STAFF")'), replace(SCHEMA, by_hand=frozenset())
    found = explain(node, schema, values, now=NOW, zone=LONDON, rule_of=lambda part: parse("exists(orders)"))
    assert (found.holds, found.change) == (False, None)
