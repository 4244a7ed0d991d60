"""What a rule speaks of: who has to be looked at again when a table, a tag or an audience changes."""

from __future__ import annotations

from dataclasses import dataclass

from usher.rules import nodes
from usher.rules.nodes import Node


@dataclass(frozen=True)
class References:
    """Names used by a rule. `columns` holds the subject's as `x`, those of related tables as `t.x`."""

    tables: frozenset[str]
    columns: frozenset[str]
    tags: frozenset[str]
    audiences: frozenset[str]
    segments: frozenset[str]


def references(node: Node) -> References:
    """The names in a rule, whether they exist or not."""
    found: dict[str, set[str]] = {kind: set() for kind in ("table", "column", "tag", "audience", "segment")}
    _collect(node, "", found)
    return References(*(frozenset(found[kind]) for kind in ("table", "column", "tag", "audience", "segment")))


def _collect(node: Node, prefix: str, found: dict[str, set[str]]) -> None:
    if isinstance(node, nodes.Path):
        found["column"].add(prefix + node.name)
    elif isinstance(node, nodes.Membership):
        found[node.kind].add(node.name)
    elif isinstance(node, nodes.Aggregate | nodes.Step):
        prefix = f"{node.table}."
        found["table"].add(node.table)
        if isinstance(node, nodes.Aggregate) and node.column:
            found["column"].add(prefix + node.column)
    for child in nodes.children(node):
        _collect(child, prefix, found)
