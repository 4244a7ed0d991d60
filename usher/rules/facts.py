"""What is asked about one person to explain a rule: for each of its conditions, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from usher.rules import nodes
from usher.rules.compile.people import compares_all
from usher.rules.functions import FUNCTIONS
from usher.rules.nodes import Node
from usher.rules.schema import Schema
from usher.rules.shapes import oriented
from usher.rules.wording import Words


@dataclass(frozen=True)
class Facts:
    """What a condition says of the person, the values it looks at, and what its changes depend on.

    `latest` and `earliest`: of the rows that are counted, or of the time that a function of time looks at.
    `drawn`: of a sample, whether the person is among those drawn. `begun`: of a sequence, whether only its
    last step is missing, and may still come now.
    """

    holds: bool
    value: object = None
    other: object = None
    latest: object = None
    earliest: object = None
    drawn: bool = False
    begun: bool = False


def inner(node: Node) -> tuple[Node, ...]:
    """The conditions that a condition is made of. `not contains(…)` is one: it asks for a known text."""
    match node:
        case nodes.And(parts=parts) | nodes.Or(parts=parts):
            return parts
        case nodes.Not(part=part):
            return () if isinstance(part, nodes.Call) else (part,)
        case nodes.Among(condition=condition, base=base):
            return (condition, base)
        case nodes.Sample(condition=condition) | nodes.Top(condition=condition):
            return (condition,)
        case _:
            return ()


def conditions(node: Node) -> Iterator[Node]:
    """This condition and all that it is made of."""
    yield node
    for part in inner(node):
        yield from conditions(part)


def about_all(node: Node) -> bool:
    """Whether the answer compares a person with all others, somewhere."""
    return any(compares_all(part) for part in nodes.walk(node) if not _is_unknown(part))


def _is_unknown(node: Node) -> bool:
    return isinstance(node, nodes.Call) and node.name not in FUNCTIONS


def questions(node: Node, schema: Schema, now: datetime, zone: tzinfo) -> dict[str, Node]:
    """What to ask of one condition, by the name of the fact."""
    asked: dict[str, Node | None] = {"holds": node}
    asked["value"], asked["other"] = compared(node)
    asked |= _times(node, schema)
    match node:
        case nodes.Sample():
            asked["drawn"] = replace(node, condition=nodes.Literal(True, "boolean"))
        case nodes.Sequence(steps=steps) if len(steps) > 1 and not steps[-1].absent:
            asked["begun"] = _begun(node, schema, now, zone)
    return {name: question for name, question in asked.items() if question is not None}


def compared(node: Node) -> tuple[Node | None, Node | None]:
    """The value that a single condition looks at, and what it is compared with unless that is written out."""
    other: Node | None = None
    match node:
        case nodes.Not(part=nodes.Call() as part):
            return compared(part)
        case nodes.Comparison():
            _, found, other = oriented(node)
        case (
            nodes.In(value=found)
            | nodes.IsSet(value=found)
            | nodes.Within(value=found)
            | nodes.Timed(value=found)
            | nodes.Between(value=found)
            | nodes.Call(arguments=(found, *_))
            | nodes.Top(by=found)
        ):
            pass
        case nodes.Aggregate(table=table, where=where):
            found = nodes.Aggregate("count", table, None, where)
        case nodes.Sequence(steps=(nodes.Step(table=table, where=where),)):
            found = nodes.Aggregate("count", table, None, where)
        case nodes.Path():
            found = node
        case _:
            return None, None
    if isinstance(found, nodes.Call) and found.name == "anniversary":
        (found,) = found.arguments
    return _asked(found), _asked(other)


def _asked(node: Node | None) -> Node | None:
    return None if isinstance(node, nodes.Literal | nodes.Null) else node


def _times(node: Node, schema: Schema) -> dict[str, Node]:
    """When the rows were that a condition counts; or the moment since which a function counts time."""
    value = compared(node)[0]
    if isinstance(value, nodes.Call) and value.name in FUNCTIONS and FUNCTIONS[value.name].moves:
        return {"latest": value.arguments[0]}
    if isinstance(node, nodes.Sequence):
        last = [step for step in node.steps if not step.absent][-1]
        value = nodes.Aggregate("count", last.table, None, last.where)
    if not isinstance(value, nodes.Aggregate) or value.table not in schema.tables:
        return {}
    at = schema.tables[value.table].at
    if at is None:
        return {}
    ends = (("latest", "max"), ("earliest", "min"))
    return {name: nodes.Aggregate(extreme, value.table, at, value.where) for name, extreme in ends}


def _begun(node: nodes.Sequence, schema: Schema, now: datetime, zone: tzinfo) -> Node | None:
    """The sequence without its last step, if that may still come now: strictly later, and in time."""
    *before, last = node.steps
    table = schema.tables.get(before[-1].table)
    if table is None or table.at is None:
        return None
    at = nodes.Path(tuple(table.at.split(".")))
    dated = Words(schema, table).type_of(at) == "date"
    today = now.astimezone(zone)
    limit = today.date().isoformat() if dated else f"{today.replace(tzinfo=None).isoformat()}{today:%z}"
    tests: list[Node] = [nodes.Comparison("<", at, nodes.Literal(limit, "text"))]
    tests += [nodes.Within(at, last.within)] if last.within else []
    tests += [before[-1].where] if before[-1].where else []
    where = nodes.And(tuple(tests)) if len(tests) > 1 else tests[0]
    return nodes.Sequence((*before[:-1], replace(before[-1], where=where)))


def answered(names: Mapping[str, object]) -> Facts:
    """The facts of one condition, from the answers to its questions."""
    known = {name: value for name, value in names.items() if name not in ("holds", "drawn", "begun")}
    said = {name: bool(names.get(name)) for name in ("holds", "drawn", "begun")}
    return Facts(**said, **known)  # type: ignore[arg-type]  # the others may be anything
