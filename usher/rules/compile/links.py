"""Links: rows with the columns of what they link to beside them, each linked table joined once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from usher.rules import nodes
from usher.rules.dialects import Dialect
from usher.rules.names import resolve
from usher.rules.nodes import Node
from usher.rules.schema import Link, Schema, Type

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir


def names_in(node: Node | None) -> Iterator[str]:
    """The names that a rule uses of the rows it is asked of, not those inside of its aggregates."""
    if isinstance(node, nodes.Path):
        yield node.name
    elif node is not None and not isinstance(node, nodes.Aggregate | nodes.Step):
        for child in nodes.children(node):
            yield from names_in(child)


def linked(
    rows: ibis.Table,
    names: Iterable[str],
    columns: Mapping[str, Type],
    links: Mapping[str, Link],
    schema: Schema,
    tables: Mapping[str, ibis.Table],
    say: Dialect,
) -> tuple[ibis.Table, dict[str, str]]:
    """The rows, and in which column of them each name is found. A link that leads nowhere gives nulls."""
    found = {name: resolve(name, columns, links, schema) for name in dict.fromkeys(names)}
    wanted: dict[tuple[Link, ...], dict[str, str]] = {}
    for one in found.values():
        if one is not None:
            for step in range(1, len(one.links) + 1):
                following = one.links[step].column if step < len(one.links) else one.column
                inside = wanted.setdefault(one.links[:step], {})
                inside.setdefault(following, f"__link{list(wanted).index(one.links[:step])}_{len(inside)}")
    for number, (chain, inside) in enumerate(sorted(wanted.items(), key=lambda item: len(item[0]))):
        lookup, column = schema.lookups[chain[-1].table], chain[-1].column
        target = tables[chain[-1].table]
        target = target.select(
            **{f"__to{number}": target[lookup.key]},
            **{alias: say.joined(target[name]) for name, alias in inside.items()},
        )
        mine, theirs = alike(
            rows[wanted[chain[:-1]][column] if chain[1:] else column], target[f"__to{number}"]
        )
        rows = rows.left_join(target, mine == theirs)
    where = {}
    for name, one in found.items():
        where[name] = name if one is None else wanted[one.links][one.column] if one.links else one.column
    return rows, where


def alike(mine: ir.Value, theirs: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Keys that differ in kind (12 and "12") are compared as text."""
    if mine.type().is_string() != theirs.type().is_string():
        return mine.cast("string"), theirs.cast("string")
    return mine, theirs
