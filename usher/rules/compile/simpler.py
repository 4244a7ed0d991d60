"""Rules in fewer words: what means the same is compiled once, and recent rows are found by the latest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeGuard

from usher.rules import nodes
from usher.rules.nodes import Node
from usher.rules.schema import Table


def simpler(node: Node, tables: Mapping[str, Table]) -> Node:
    """The same rule, so that equal questions are equal nodes."""
    changed: dict[str, Any] = {}
    for part in fields(node):
        value = getattr(node, part.name)
        if isinstance(value, Node):
            changed[part.name] = simpler(value, tables)
        elif isinstance(value, tuple) and any(isinstance(item, Node) for item in value):
            changed[part.name] = tuple(simpler(item, tables) for item in value)
    same = replace(node, **changed) if changed else node
    match same:
        case nodes.Sequence(steps=(nodes.Step(table=table, where=where),)):
            return _recent(nodes.Aggregate("exists", table, None, where), tables[table])
        case nodes.Aggregate(name="exists", table=table):
            return _recent(same, tables[table])
        case nodes.Aggregate(name="first" | "last" as name, table=table, column=column):
            if column == tables[table].at:
                return replace(same, name="min" if name == "first" else "max")
    return same


def _recent(node: nodes.Aggregate, table: Table) -> Node:
    """`exists(t where c and at within 2 days)` is `max(t.at where c) within 2 days`.

    So rules that differ in their time spans share a column, whatever their number.
    """
    parts = conjuncts(node.where)
    for number, part in enumerate(parts):
        if is_recent(part, table):
            rest = joined((*parts[:number], *parts[number + 1 :]))
            return nodes.Within(nodes.Aggregate("max", table.name, table.at, rest), part.period)
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
