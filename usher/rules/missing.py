"""What a single condition says where a value that it looks at is missing, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from usher.rules import nodes
from usher.rules.functions import ROW_FUNCTIONS
from usher.rules.nodes import Node
from usher.rules.schema import Type
from usher.rules.shapes import oriented

TypeOf = Callable[[Node], Type | None]


def holds_if_missing(node: Node, type_of: TypeOf) -> bool:
    """Whether a condition is true where its values are missing; `usher.rules.compile.values` settles that."""
    match node:
        case nodes.Not(part=nodes.Call()):
            return False  # `not contains(…)` asks for a text without it
        case nodes.Not(part=part):
            return not holds_if_missing(part, type_of)
        case nodes.Comparison(operator="!=", left=left):
            return type_of(left) != "number"
        case _:
            return False


def remark(node: Node, negated: bool, type_of: TypeOf, always: Callable[[Node], bool]) -> str:
    """` (or not known)` behind a condition, or its opposite, that also holds for a missing value; else empty.

    `always`: whether a value is known of everybody.
    """
    if holds_if_missing(node, type_of) is negated:
        return ""
    values = [value for value in _compared(node) if _may_be_missing(value, always)]
    if not values:
        return ""
    if len(values) > 1:
        differ = isinstance(node, nodes.Comparison) and not negated
        return f" (or {'only ' * differ}one of them is {'' if differ else 'not '}known)"
    sources = [part for part in _sources(values[0]) if _may_be_missing(part, always)]
    of_rows = bool(sources) and all(isinstance(part, nodes.Aggregate) for part in sources)
    return " (or there is none)" if of_rows else " (or not known)"


def known_by(node: Node, negated: bool, type_of: TypeOf) -> Iterator[Node]:
    """The values that are known of everybody for whom a single condition, or its opposite, holds."""
    match node:
        case nodes.Not(part=part) if not isinstance(part, nodes.Call):
            yield from known_by(part, not negated, type_of)
        case nodes.IsSet(value=value, negated=missing):
            if missing is negated:
                yield value
        case _ if holds_if_missing(node, type_of) is negated:
            yield from _compared(node)


def _compared(node: Node) -> Iterator[Node]:
    """The values that a single condition looks at; none where it speaks of missing ones itself."""
    match node:
        case nodes.Not(part=part):
            yield from _compared(part)
        case nodes.Comparison():
            _, value, other = oriented(node)
            if not isinstance(value, nodes.Path) or other != nodes.Literal(True, "boolean"):
                yield from (value, other)  # `is not true` says enough
        case nodes.Between(value=value, low=low, high=high):
            yield from (value, low, high)
        case nodes.In(value=value, choices=tuple() as choices):
            if not any(isinstance(choice, nodes.Null) for choice in choices):
                yield value
        case nodes.Within(value=value) | nodes.Timed(value=value):
            yield value
        case nodes.Call(arguments=arguments):
            yield from arguments


def _may_be_missing(node: Node, always: Callable[[Node], bool]) -> bool:
    if always(node):
        return False
    match node:
        case nodes.Path():
            return True
        case nodes.Aggregate(name=name):
            return ROW_FUNCTIONS[name].empty is None
        case nodes.Call(name="length"):
            return False
        case nodes.Call(name="coalesce", arguments=arguments):
            return all(_may_be_missing(part, always) for part in arguments)
        case nodes.Call(name="if", arguments=(_, *choices)):
            return any(_may_be_missing(part, always) for part in choices)
        case nodes.Call(name="number"):
            return True
        case nodes.Call(arguments=arguments):
            return any(_may_be_missing(part, always) for part in arguments)
        case nodes.Arithmetic(operator="/", right=right) if not _is_known_divisor(right):
            return True
        case nodes.Arithmetic(left=left, right=right):
            return _may_be_missing(left, always) or _may_be_missing(right, always)
        case _:
            return False


def _is_known_divisor(node: Node) -> bool:
    return isinstance(node, nodes.Literal) and node.value != 0


def _sources(node: Node) -> Iterator[Node]:
    """The columns and the figures of rows that a value is made of."""
    if isinstance(node, nodes.Path | nodes.Aggregate):
        yield node
    else:
        for part in nodes.children(node):
            yield from _sources(part)
