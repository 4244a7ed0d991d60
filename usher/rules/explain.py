"""Why one person is in or out: what each part of a rule says of them, and what would flip it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo

from usher.rules import nodes
from usher.rules.chains import chain
from usher.rules.changes import Change
from usher.rules.describe import clause_phrase
from usher.rules.facts import Facts, answered, compared, conditions, inner, questions
from usher.rules.flip import flip
from usher.rules.nested import RuleOf, unfolded
from usher.rules.nodes import Node
from usher.rules.schema import Schema

#: So many rows of one part are shown.
SHOWN = 3


@dataclass(frozen=True)
class Row:
    """A row of a related table: its time, the columns that the rule asks about, and where it was read."""

    table: str
    at: date | None
    values: Mapping[str, object] = field(default_factory=dict)
    source: str = ""


#: Answers named expressions for the person as of a moment, by `select`.
Values = Callable[[Mapping[str, Node], datetime], Mapping[str, object]]
#: The person's rows that an aggregate or a step asks for, the newest first.
Rows = Callable[[nodes.Aggregate | nodes.Step], Sequence[Row]]


@dataclass(frozen=True)
class Explanation:
    """One part of a rule, for one person.

    `value` is what was compared (a count, a last date, a column), None where nothing was or it is missing;
    `other` what it was compared with, unless that is written out in the rule. `rows` are some of the rows
    that made the value, the newest first. `nested` names the tag, segment or audience that a part asks for:
    it has an explanation of its own. `negation`: its only child is what it denies. `to_flip` and `change`
    stand on the whole rule only: a sentence, honest where no single change would do, and the same for a
    program. `missing`: the value that it looks at is missing, as the last of no rows is.
    """

    text: str
    holds: bool
    value: object = None
    children: tuple[Explanation, ...] = ()
    to_flip: str | None = None
    other: object = None
    rows: tuple[Row, ...] = ()
    nested: tuple[str, str] | None = None
    negation: bool = False
    change: Change | None = None
    missing: bool = False


def explain(
    node: Node,
    schema: Schema,
    values: Values,
    rows: Rows | None = None,
    *,
    now: datetime,
    zone: tzinfo,
    rule_of: RuleOf | None = None,
) -> Explanation:
    """A condition as a tree. `values` is asked once, and again as of moments at which time may change it.

    With `rule_of`, what would flip the answer is looked for in nested rules as well.
    """
    whole = unfolded(node, rule_of) if rule_of else node
    parts = list(dict.fromkeys([*conditions(node), *conditions(whole)]))
    asked = {
        f"{name}{number}": question
        for number, part in enumerate(parts)
        for name, question in questions(part, schema, now, zone).items()
    }
    answers = values(asked, now)
    facts = {part: answered(_of_part(answers, number)) for number, part in enumerate(parts)}

    if facts[whole].holds is not facts[node].holds:  # a nested rule was not evaluated on these data yet
        whole = node

    def holds_at(moment: datetime) -> bool:
        return bool(values({"holds": whole}, moment)["holds"])

    to_flip, change = flip(node, whole, schema, facts, holds_at, now=now, zone=zone)
    return _tree(node, schema, facts, rows, to_flip, change)


def _of_part(answers: Mapping[str, object], number: int) -> dict[str, object]:
    return {
        name.rstrip("0123456789"): value
        for name, value in answers.items()
        if name == f"{name.rstrip('0123456789')}{number}"
    }


def _tree(
    node: Node,
    schema: Schema,
    facts: Mapping[Node, Facts],
    rows: Rows | None,
    to_flip: str | None = None,
    change: Change | None = None,
) -> Explanation:
    fact = facts[node]
    return Explanation(
        clause_phrase(node, schema),
        fact.holds,
        fact.value,
        tuple(_tree(part, schema, facts, rows) for part in inner(node)),
        to_flip,
        fact.other,
        _made_by(node, rows) if rows else (),
        (node.kind, node.name) if isinstance(node, nodes.Membership) else None,
        isinstance(node, nodes.Not) and bool(inner(node)),
        change,
        fact.value is None and compared(node)[0] is not None,
    )


def _made_by(node: Node, rows: Rows) -> tuple[Row, ...]:
    """The rows that made the value of a single condition."""
    if isinstance(node, nodes.Sequence):
        steps = [step for step in node.steps if not step.absent]
        return chain([(step.within, rows(step)) for step in steps])
    looked_at = node.by if isinstance(node, nodes.Top) else None if inner(node) else node
    aggregates = (
        [] if looked_at is None else [n for n in nodes.walk(looked_at) if isinstance(n, nodes.Aggregate)]
    )
    found: list[Row] = []
    for aggregate in dict.fromkeys(aggregates):
        found += [row for row in rows(aggregate)[:SHOWN] if row not in found]
    return tuple(found)


def telling(part: nodes.Aggregate | nodes.Step, schema: Schema) -> tuple[str, ...]:
    """The columns that an aggregate or a step asks about, its time first; those of linked rows as `a.b`."""
    at = schema.tables[part.table].at
    named = [at, part.column if isinstance(part, nodes.Aggregate) else None]
    named += [node.name for node in nodes.walk(part) if isinstance(node, nodes.Path)]
    return tuple(dict.fromkeys(name for name in named if name))
