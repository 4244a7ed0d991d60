"""The frozen nodes of a rule. Two rules that say the same are equal: positions are not compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Literal as OneOf

Unit = OneOf["minute", "hour", "day", "week", "month", "year"]
Operator = OneOf["=", "!=", "<", "<=", ">", ">="]
Kind = OneOf["text", "number", "boolean"]


@dataclass(frozen=True, kw_only=True)
class Node:
    """Where a node stands in its text: offsets, not compared."""

    start: int = field(default=0, compare=False, repr=False)
    end: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Literal(Node):
    """A text, a number, true or false. The kind is part of it, so that 1 is not true."""

    value: str | int | float | bool
    kind: Kind


@dataclass(frozen=True)
class Null(Node):
    """`null`, which only stands in a list; `x = null` is read as `x is not set`."""


@dataclass(frozen=True)
class Path(Node):
    """A column of the subject (or of the rows of an aggregate), or a dotted path into an event."""

    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        return ".".join(self.steps)


@dataclass(frozen=True)
class Call(Node):
    """A function of single values: `lowercase(x)`, `contains(x, "y")`."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Comparison(Node):
    operator: Operator
    left: Node
    right: Node


@dataclass(frozen=True)
class In(Node):
    """One of the listed values, or one of the elements of the list at a path (events only)."""

    value: Node
    choices: tuple[Node, ...] | Path


@dataclass(frozen=True)
class IsSet(Node):
    value: Node
    negated: bool = False


@dataclass(frozen=True)
class Period(Node):
    count: int
    unit: Unit


@dataclass(frozen=True)
class Within(Node):
    """`x within [next] N days`."""

    value: Node
    period: Period
    upcoming: bool = False


@dataclass(frozen=True)
class Timed(Node):
    """`x before|after N days ago`, `x before|after "2024-05-01"`."""

    value: Node
    relation: OneOf["before", "after"]
    moment: Period | Literal


@dataclass(frozen=True)
class Not(Node):
    part: Node


@dataclass(frozen=True)
class And(Node):
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or(Node):
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Aggregate(Node):
    """A question about many rows: `count(orders where ..)`, `last(orders.ordered_on)`."""

    name: str
    table: str
    column: str | None = None
    where: Node | None = None


@dataclass(frozen=True)
class Membership(Node):
    """`tag("VIP")`, `audience("members")`."""

    kind: OneOf["tag", "audience"]
    name: str


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below this one, in order."""
    for part in fields(node):
        value = getattr(node, part.name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Node))


def walk(node: Node) -> Iterator[Node]:
    """This node and all below it, outermost first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(list(children(current))))
