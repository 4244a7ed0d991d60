"""Words for the best of many, and for a part of them that was drawn."""

from __future__ import annotations

from usher.rules import english, nodes
from usher.rules.nodes import Node
from usher.rules.wording import Words


def superlative(by: Node, words: Words) -> str:
    """`most orders in the last year`, `greatest age`, `latest booking`: for what follows "with the"."""
    if isinstance(by, nodes.Aggregate) and by.name == "count":
        table = english.table_of(by.table, words.schema)
        return f"most {english.plural(table)}{words.details(by.where, by.table)}"
    said = words.value(by).removeprefix("their ").removeprefix("the ")
    if words.type_of(by) in ("date", "instant"):
        return said if said.startswith("latest ") else f"latest {said.removeprefix('last ')}"
    return said if said.startswith("greatest ") else f"greatest {said}"


def drawn(node: nodes.Sample, article: str) -> str:
    """`a fixed random 10%`: the same people every time."""
    if node.name:
        return f"the fixed random {node.percent:g}% called {english.quoted(node.name)}"
    return f"{article} fixed random {node.percent:g}%"
