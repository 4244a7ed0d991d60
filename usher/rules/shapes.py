"""Shapes of conditions that are said or solved in one way, however they are written."""

from __future__ import annotations

from usher.rules import nodes
from usher.rules.functions.text import small_letters
from usher.rules.nodes import Node

TURNED: dict[str, nodes.Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def joined(node: Node, negated: bool) -> tuple[str, list[tuple[Node, bool]]]:
    """The parts of a conjunction or disjunction with "and" or "or"; no parts: a single condition."""
    while isinstance(node, nodes.Not):
        node, negated = node.part, not negated
    match node:
        case nodes.And(parts=parts) | nodes.Or(parts=parts):
            word = "and" if isinstance(node, nodes.And) is not negated else "or"
        case nodes.Among(condition=condition, base=base):
            word, parts = "or" if negated else "and", (condition, base)
        case _:
            return "", []
    found: list[tuple[Node, bool]] = []
    for part in parts:
        inner, below = joined(part, negated)
        found += below if inner == word else [(part, negated)]
    return word, found


def oriented(node: nodes.Comparison) -> tuple[nodes.Operator, Node, Node]:
    """The sign and both sides, with what is written out on the right."""
    if isinstance(node.left, nodes.Literal) and not isinstance(node.right, nodes.Literal):
        return TURNED[node.operator], node.right, node.left
    return node.operator, node.left, node.right


def in_any_case(*operands: Node) -> list[Node] | None:
    """The operands without lowercase(…), if they are compared so that capitals do not matter."""
    lowered = [node for node in operands if isinstance(node, nodes.Call) and node.name == "lowercase"]
    others = [node for node in operands if node not in lowered]
    small = all(
        isinstance(node, nodes.Null)
        or (isinstance(node, nodes.Literal) and node.value == small_letters(str(node.value)))
        for node in others
    )
    if not lowered or not small:
        return None
    return [node.arguments[0] if isinstance(node, nodes.Call) else node for node in operands]
