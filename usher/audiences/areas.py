"""A customer list as areas that a person can edit, and the one rule that it is stored as: both ways.

Within an area all parts hold (AND), of several areas one is enough (OR); a part or an area can be turned
round (NOT); the pre filter narrows the customers down before the areas are looked at. Any rule can be opened:
what is not of this form is one part.
"""

from __future__ import annotations

from dataclasses import dataclass

from usher import rules
from usher.audiences.errors import AudienceError
from usher.rules import Node, RuleError, nodes


@dataclass(frozen=True)
class Part:
    """A segment by its name, or else a condition as the text of a rule."""

    rule: str = ""
    segment: str = ""
    negated: bool = False


@dataclass(frozen=True)
class Area:
    """Parts that all hold; negated: that do not all hold."""

    parts: tuple[Part, ...]
    negated: bool = False


@dataclass(frozen=True)
class Areas:
    """Areas of which at least one holds, of those customers for whom the whole pre filter holds."""

    areas: tuple[Area, ...]
    pre: tuple[Part, ...] = ()


def read(node: Node) -> Areas:
    """The areas of a rule, in normal form.

    No part is a conjunction unless it is negated, no area beside others is a plain disjunction, and a negated
    area has more parts than one. `write(read(node))` means what `node` means.
    """
    if isinstance(node, nodes.Among):
        return Areas(_areas(node.condition), _parts(node.base))
    return Areas(_areas(node))


def write(areas: Areas) -> Node:
    """The one rule that says the same. AudienceError names the part that cannot be read, or is missing."""
    if not areas.areas:
        raise AudienceError("a customer list has at least one area")
    found = [_area(number, area) for number, area in enumerate(areas.areas, start=1)]
    condition = _joined(nodes.Or, found)
    if not areas.pre:
        return condition
    base = _joined(nodes.And, [_node("the pre filter", part) for part in areas.pre])
    return nodes.Among(condition, base)


def normal(areas: Areas) -> Areas:
    """The same areas in normal form, each condition as `rules.format` spells it."""
    return read(write(areas))


def rule_of(areas: Areas) -> str:
    """The text that a customer list is stored as."""
    return rules.format(write(areas))


def opened(rule: str) -> Areas:
    """The areas of a rule's text; RuleError."""
    return read(rules.parse(rule))


def _areas(node: Node) -> tuple[Area, ...]:
    alternatives = node.parts if isinstance(node, nodes.Or) else (node,)
    return tuple(map(_opened, alternatives))


def _opened(node: Node) -> Area:
    if isinstance(node, nodes.Not) and isinstance(node.part, nodes.And):
        return Area(_parts(node.part), negated=True)
    return Area(_parts(node))


def _parts(node: Node) -> tuple[Part, ...]:
    return tuple(map(_part, node.parts if isinstance(node, nodes.And) else (node,)))


def _part(node: Node) -> Part:
    negated = isinstance(node, nodes.Not)
    inner = node.part if isinstance(node, nodes.Not) else node
    if isinstance(inner, nodes.Membership) and inner.kind == "segment":
        return Part(segment=inner.name, negated=negated)
    return Part(rule=rules.format(inner), negated=negated)


def _area(number: int, area: Area) -> Node:
    if not area.parts:
        raise AudienceError(f"area {number} has no condition; leave it out, or put one in")
    node = _joined(nodes.And, [_node(f"area {number}", part) for part in area.parts])
    return nodes.Not(node) if area.negated else node


def _node(where: str, part: Part) -> Node:
    if bool(part.rule.strip()) == bool(part.segment):
        raise AudienceError(f"{where}: a part is a condition or a segment, one of them")
    if part.segment:
        node: Node = nodes.Membership("segment", part.segment)
    else:
        try:
            node = rules.parse(part.rule)
        except RuleError as problem:
            raise AudienceError(f"{where}: {problem}") from None
    return nodes.Not(node) if part.negated else node


def _joined(kind: type[nodes.And] | type[nodes.Or], found: list[Node]) -> Node:
    """One node alone is itself, and `(a and b) and c` is `a and b and c`, as the parser has it."""
    flat = tuple(inner for one in found for inner in (one.parts if isinstance(one, kind) else (one,)))
    return flat[0] if len(flat) == 1 else kind(flat)
