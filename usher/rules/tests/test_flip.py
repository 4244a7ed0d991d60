from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from usher.rules import Explanation, check, explain, nodes
from usher.rules.changes import AddRows, Change, SetColumn, SetMember, Wait
from usher.rules.facts import inner
from usher.rules.nodes import Node
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


@settings(
    max_examples=int(os.environ.get("USHER_RANDOM_RULES", "8")),
    deadline=None,
    phases=[Phase.generate],  # shrinking would take minutes
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(data, memberships, rules(), st.sampled_from([1, 2, 3]))
def test_what_it_proposes_flips_the_answer(
    tables: Tables, members: Members, node: Node, customer: int
) -> None:
    assume(not check(node, SCHEMA, condition=True))
    demand_flip(node, customer, tables, members)
