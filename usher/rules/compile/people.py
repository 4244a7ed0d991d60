"""Questions that compare all people: top, quantiles, scores. Those inside of others are worked out first."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from usher.rules import nodes
from usher.rules.compile.values import Values
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.nodes import Node


def compare_all(people: Values, expressions: Iterable[Node]) -> None:
    """Puts a column for each such question beside the people."""
    depths: dict[Node, int] = {}
    for node in expressions:
        _depth(node, depths)
    for level in sorted(set(depths.values())):
        asked = [node for node, depth in depths.items() if depth == level]
        names = {node: f"__all{level}_{number}" for number, node in enumerate(asked)}
        columns = {name: _of_all(people, node) for node, name in names.items()}
        people.table = people.table.mutate(**columns)
        people.found.update(names)


def _depth(node: Node, depths: dict[Node, int]) -> int:
    """How many such questions stand inside of each other, from this node down; 0 for none."""
    below = max((_depth(child, depths) for child in nodes.children(node)), default=0)
    if not compares_all(node):
        return below
    depths[node] = below + 1
    return below + 1


def compares_all(node: Node) -> bool:
    """Is a person's answer about the others as well?"""
    match node:
        case nodes.Top():
            return True
        case nodes.Call(name=name):
            return FUNCTIONS[name].of_all
        case nodes.Aggregate(name=name):
            return ROW_FUNCTIONS[name].score
        case _:
            return False


def _of_all(people: Values, node: Node) -> Any:
    match node:
        case nodes.Top():
            return _top(people, node)
        case nodes.Aggregate():
            quantile = FUNCTIONS["quantile"].ibis
            assert quantile is not None
            return quantile(people.clock, people.aggregate(node), 5)
        case _:
            return people.value(node)


def _top(people: Values, node: nodes.Top) -> Any:
    """Those with the greatest values of all who fulfil the condition and have one; then the lesser key."""
    import ibis

    value = people.value(node.by)
    able = people.condition(node.condition).fill_null(False) & value.notnull()
    key = people.clock.dialect.sortable(people.table[people.key])
    place = ibis.row_number().over(ibis.window(group_by=able, order_by=[value.desc(), key.asc()]))
    if not node.percent:
        return able & (place < int(node.count))
    share, whole = Decimal(repr(node.count)).as_integer_ratio()
    many = people.table.count().over(ibis.window(group_by=able))
    return able & (place * (100 * whole) < many * share)
