"""Shapes of conditions that are said or solved in one way, however they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

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


def without_constants(node: Node) -> Node:
    """The same condition without `true` and `false` among its parts; alone they stay."""
    match node:
        case nodes.Not(part=part):
            inner = without_constants(part)
            return _constant(not inner.value) if _is_constant(inner) else nodes.Not(inner)
        case nodes.And(parts=parts):
            return _without(parts, True)
        case nodes.Or(parts=parts):
            return _without(parts, False)
        case nodes.Among(condition=condition, base=base):
            both = [without_constants(part) for part in (condition, base)]
            return _without(both, True) if any(map(_is_constant, both)) else nodes.Among(*both)
        case nodes.Sample(condition=condition) | nodes.Top(condition=condition):
            inner = without_constants(condition)
            return inner if inner == _constant(False) else replace(node, condition=inner)
    return node


def _without(parts: Sequence[Node], neutral: bool) -> Node:
    """Parts joined by `and`, to which true adds nothing, or by `or`, to which false adds nothing."""
    left = [part for part in map(without_constants, parts) if part != _constant(neutral)]
    if _constant(not neutral) in left:
        return _constant(not neutral)
    if len(left) < 2:
        return left[0] if left else _constant(neutral)
    return nodes.And(tuple(left)) if neutral else nodes.Or(tuple(left))


def _constant(value: bool) -> nodes.Literal:
    return nodes.Literal(value, "boolean")


def _is_constant(node: Node) -> TypeGuard[nodes.Literal]:
    return isinstance(node, nodes.Literal) and node.kind == "boolean"


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
