"""Rules in fewer words: what means the same is compiled once, and recent rows are found by the latest one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from operator import is_
from typing import Any, TypeGuard

from usher.rules import nodes
from usher.rules.nodes import Node
from usher.rules.schema import Table


def simpler(rules: Mapping[str, Node], tables: Mapping[str, Table]) -> dict[str, Node]:
    """The same rules, so that equal questions are equal nodes.

    Where more is asked of a table than one `exists`, `exists(t where c and at within 2 days)` becomes
    `max(t.at where c) within 2 days`: rules that differ in their time spans share a column, whatever their
    number.
    """
    found = {name: rewritten(rule, lambda node: _named(node, tables)) for name, rule in rules.items()}
    alone = lone(found.values())
    if len(alone) < len({node.table for node in _aggregates(found.values())}):
        found = {
            name: rewritten(rule, lambda node: node if node in alone else _recent(node, tables))
            for name, rule in found.items()
        }
        asked = frozenset(_aggregates(found.values()))
        found = {n: rewritten(rule, lambda node: _known(node, asked, tables)) for n, rule in found.items()}
    return found


def lone(rules: Iterable[Node]) -> dict[nodes.Aggregate, int]:
    """Each `exists` that is the only question about its table, and how often it is asked."""
    asked = Counter(_aggregates(rules))
    tables = Counter(node.table for node in asked)
    return {n: times for n, times in asked.items() if n.name == "exists" and tables[n.table] == 1}


def _aggregates(rules: Iterable[Node]) -> Iterator[nodes.Aggregate]:
    return (part for rule in rules for part in nodes.walk(rule) if isinstance(part, nodes.Aggregate))


def rewritten(node: Node, change: Callable[[Node], Node]) -> Node:
    """The rule with each part changed, the innermost first."""
    changed: dict[str, Any] = {}
    for name in nodes.parts_of(type(node)):
        value = getattr(node, name)
        if isinstance(value, Node):
            new: Any = rewritten(value, change)
        elif isinstance(value, tuple) and any(isinstance(item, Node) for item in value):
            new = tuple(rewritten(item, change) for item in value)
            new = value if all(map(is_, new, value)) else new
        else:
            continue
        if new is not value:
            changed[name] = new
    return change(replace(node, **changed) if changed else node)


def _named(node: Node, tables: Mapping[str, Table]) -> Node:
    """A sequence of one step is `exists`; the first and the last time are the least and the greatest."""
    match node:
        case nodes.Comparison(
            operator=sign, left=nodes.Aggregate(name="count") as rows, right=nodes.Literal(value=0)
        ) if sign in (">", "="):
            exists = replace(rows, name="exists")
            return exists if sign == ">" else nodes.Not(exists)
        case nodes.Sequence(steps=(nodes.Step(table=table, where=where),)):
            return nodes.Aggregate("exists", table, None, where)
        case nodes.Aggregate(name="first", table=table, column=column) if column == tables[table].at:
            return replace(node, name="min")
        case nodes.Aggregate(name="last", table=table, column=column) if column == tables[table].at:
            return replace(node, name="max")
    return node


def _recent(node: Node, tables: Mapping[str, Table]) -> Node:
    if not isinstance(node, nodes.Aggregate) or node.name != "exists":
        return node
    table, parts = tables[node.table], conjuncts(node.where)
    for number, part in enumerate(parts):
        if is_recent(part, table):
            rest = joined((*parts[:number], *parts[number + 1 :]))
            return nodes.Within(nodes.Aggregate("max", table.name, table.at, rest), part.period)
    return node


def _known(node: Node, asked: frozenset[Node], tables: Mapping[str, Table]) -> Node:
    """Where the latest of the same rows is asked for anyway, there are rows if there is a latest one."""
    if isinstance(node, nodes.Aggregate) and node.name == "exists":
        latest = nodes.Aggregate("max", node.table, tables[node.table].at, node.where)
        return nodes.IsSet(latest) if latest in asked else node
    return node


def is_recent(part: Node, table: Table) -> TypeGuard[nodes.Within]:
    """Does it ask that the row's own time is not longer ago than so much?"""
    return (
        isinstance(part, nodes.Within) and not part.upcoming and part.value == nodes.Path((table.at or "",))
    )


def conjuncts(where: Node | None) -> tuple[Node, ...]:
    """What all has to hold."""
    if where is None:
        return ()
    return where.parts if isinstance(where, nodes.And) else (where,)


def joined(parts: tuple[Node, ...]) -> Node | None:
    """The opposite of `conjuncts`."""
    return nodes.And(parts) if len(parts) > 1 else parts[0] if parts else None


def lasting(rule: Node, tables: Mapping[str, Table]) -> Node:
    """The same rule in the questions whose answers are kept: whatever other rules are asked with it."""
    for change in (_named, _recent, _seen_at_all):
        rule = rewritten(rule, lambda node, change=change: change(node, tables))  # type: ignore[misc]
    return rule


def _seen_at_all(node: Node, tables: Mapping[str, Table]) -> Node:
    """Whether there are rows is told by the latest of them, unless time alone takes rows out of sight."""
    if isinstance(node, nodes.Aggregate) and node.name == "exists" and is_timeless(node.where):
        return nodes.IsSet(nodes.Aggregate("max", node.table, tables[node.table].at, node.where))
    return node


def is_timeless(where: Node | None) -> bool:
    """A row for which it holds once is one for which it always holds."""
    parts = nodes.walk(where) if where else ()
    return not any(isinstance(part, nodes.Within | nodes.Timed) for part in parts)
