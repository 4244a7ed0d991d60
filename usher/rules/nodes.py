"""The frozen nodes of a rule. Two rules that say the same are equal: positions are not compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Literal as OneOf

Unit = OneOf["minute", "hour", "day", "week", "month", "year"]
Operator = OneOf["=", "!=", "<", "<=", ">", ">="]
Sign = OneOf["+", "-", "*", "/"]
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
    """`null`: a missing value. `x = null` is read as `x is not set`; nothing is `< null`."""


@dataclass(frozen=True)
class Path(Node):
    """A column of the subject or of an aggregate's rows, also through links; or a path into an event."""

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
class Arithmetic(Node):
    """`a + b` of two numbers."""

    operator: Sign
    left: Node
    right: Node


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
class Between(Node):
    """`x between low and high`, both taken in; a date as `high` takes in all of its day."""

    value: Node
    low: Node
    high: Node


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
    """`tag("VIP")`, `segment("Has e-mail")`, `audience("members")`."""

    kind: OneOf["tag", "segment", "audience"]
    name: str


@dataclass(frozen=True)
class Step(Node):
    """A row of a table in a sequence: at most `within` after the step before it.

    `"Order Completed"` is the row of the table `events` whose column `event` is that. With `absent`, which
    only the last step can be, no such row may come, and the time for it must be over.
    """

    table: str
    where: Node | None = None
    within: Period | None = None
    absent: bool = False


@dataclass(frozen=True)
class Sequence(Node):
    """`did "A" then "B" within 7 days`: rows of the steps, each strictly later than the one before it."""

    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Among(Node):
    """`condition among base`: those of the base who fulfil the condition (the pre filter of a list)."""

    condition: Node
    base: Node


@dataclass(frozen=True)
class Sample(Node):
    """`condition sample 10%`: always the same people, chosen by their key (and the sample's name)."""

    condition: Node
    percent: float
    name: str = ""


@dataclass(frozen=True)
class Top(Node):
    """`condition top 100 by value`: of those who fulfil it and have a value, the ones with the greatest.

    With `percent`, so many of a hundred of them, rounded up. Equal values: the lesser key goes first.
    """

    condition: Node
    count: float
    by: Node
    percent: bool = False


#: The built-in table of events, and its column that holds the event's name.
EVENTS, EVENT = "events", "event"


def named_event(name: Literal) -> Comparison:
    """What a step says of its rows that is written as an event's name."""
    return Comparison("=", Path((EVENT,)), name)


_PARTS: dict[type[Node], tuple[str, ...]] = {}


def parts_of(kind: type[Node]) -> tuple[str, ...]:
    """The names of what such a node consists of; where it stands in a text is none of it."""
    if kind not in _PARTS:
        _PARTS[kind] = tuple(part.name for part in fields(kind) if part.compare)
    return _PARTS[kind]


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below this one, in order."""
    for name in parts_of(type(node)):
        value = getattr(node, name)
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
