"""Why one person is in or out: what each part of a rule says of them, and what would flip it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from usher.rules import nodes
from usher.rules.describe import clause_phrase
from usher.rules.flip import Facts, flip
from usher.rules.nodes import Node
from usher.rules.schema import Schema

Values = Callable[[Mapping[str, Node]], Mapping[str, object]]


@dataclass(frozen=True)
class Explanation:
    """One part of a rule, for one person.

    `value` is what was compared (a count, a last date, a column), None where nothing was or it is missing.
    `to_flip` stands on the whole rule only: a sentence, honest where no single change would do.
    """

    text: str
    holds: bool
    value: object = None
    children: tuple[Explanation, ...] = ()
    to_flip: str | None = None


def explain(node: Node, schema: Schema, values: Values) -> Explanation:
    """The rule as a tree. `values` evaluates named expressions for the person, by `select`, once."""
    parts = list(dict.fromkeys(_conditions(node)))
    questions: dict[str, Node] = {f"holds{number}": part for number, part in enumerate(parts)}
    for number, part in enumerate(parts):
        if (operand := compared(part)) is not None:
            questions[f"value{number}"] = operand
        if (latest := _latest(part, schema)) is not None:
            questions[f"latest{number}"] = latest
    answers = values(questions)
    facts = {
        part: Facts(bool(answers[f"holds{n}"]), answers.get(f"value{n}"), answers.get(f"latest{n}"))
        for n, part in enumerate(parts)
    }
    return _tree(node, schema, facts, flip(node, schema, facts))


def _tree(node: Node, schema: Schema, facts: Mapping[Node, Facts], to_flip: str | None = None) -> Explanation:
    below = tuple(_tree(part, schema, facts) for part in inner(node))
    fact = facts[node]
    return Explanation(clause_phrase(node, schema), fact.holds, fact.value, below, to_flip)


def inner(node: Node) -> tuple[Node, ...]:
    """The conditions that a condition is made of."""
    match node:
        case nodes.And(parts=parts) | nodes.Or(parts=parts):
            return parts
        case nodes.Not(part=part):
            return (part,)
        case _:
            return ()


def _conditions(node: Node) -> Iterator[Node]:
    yield node
    for part in inner(node):
        yield from _conditions(part)


def compared(node: Node) -> Node | None:
    """The value that a single condition looks at."""
    match node:
        case nodes.Comparison(left=left, right=right):
            found: Node | None = right if isinstance(left, nodes.Literal) else left
        case (
            nodes.In(value=value)
            | nodes.IsSet(value=value)
            | nodes.Within(value=value)
            | nodes.Timed(value=value)
        ):
            found = value
        case nodes.Aggregate(table=table, where=where):
            found = nodes.Aggregate("count", table, None, where)
        case nodes.Call(arguments=(first, *_)):
            found = first
        case nodes.Path():
            found = node
        case _:
            found = None
    return None if isinstance(found, nodes.Literal) else found


def _latest(node: Node, schema: Schema) -> Node | None:
    """When the last of the rows was that a condition counts."""
    rows = compared(node)
    if not isinstance(rows, nodes.Aggregate) or rows.name != "count":
        return None
    at = schema.tables[rows.table].at
    return nodes.Aggregate("max", rows.table, at, rows.where) if at else None
