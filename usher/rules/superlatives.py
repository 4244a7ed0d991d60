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


def ranked(rank: nodes.Call, sign: str, bound: nodes.Literal, people: str, words: Words) -> str | None:
    """`the top fifth of all customers by their credit`, for a quantile that is compared so (`!=` as `=`)."""
    match rank.arguments, bound.value:
        case (value, nodes.Literal(value=int() as parts)), int() as number:
            spans = {">": (number + 1, parts), ">=": (number, parts), "<": (1, number - 1), "<=": (1, number)}
            low, high = spans.get(sign, (number, number))
        case _:
            return None
    if not 1 <= low <= high <= parts or high - low + 1 == parts:
        return None
    share = _share(high - low + 1, parts)
    where = f"the top {share}" if high == parts else f"the bottom {share}"
    if low > 1 and high < parts:
        where = f"part {number} of {parts} (1 is the least)"
    return f"{where} of all {people} by {words.value(value)}"


def _share(count: int, parts: int) -> str:
    names = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth", 20: "twentieth", 100: "hundredth"}
    name = names.get(parts)
    if name is None:
        return f"{count} of {parts} equal parts"
    return name if count == 1 else f"{count} {name}s"


def drawn(node: nodes.Sample, article: str) -> str:
    """`a fixed random 10%`: the same people every time."""
    if node.name:
        return f"the fixed random {node.percent:g}% called {english.quoted(node.name)}"
    return f"{article} fixed random {node.percent:g}%"
