"""A sequence in words: what people did first, then, and not afterwards."""

from __future__ import annotations

from usher.rules import english, nodes
from usher.rules.nodes import Node
from usher.rules.wording import Words


def happened(node: nodes.Sequence, words: Words) -> str:
    """`did “Cart Viewed” and then “Order Completed” within 7 days, without “Refund” within 2 days after`."""
    said = ""
    before_named = False
    for number, step in enumerate(node.steps):
        name, where = event_of(step)
        details = words.details(where, step.table)
        within = f"within {english.length(step.within)}" if step.within else ""
        if step.absent:
            again = number == 1 and step.table == node.steps[0].table
            noun = _noun(step, words)
            what = english.quoted(name) if name else f"another {noun}" if again else english.a(noun)
            said += f"{',' * (number > 1 or ' where ' in said)} without {what}{details} {within} after"
            continue
        did = english.quoted(name) if name and before_named else _deed(step, name, details, words)
        if number == 0:
            said = f"{did}{details}"
        elif within and details:
            said += f" and then, {within}, {did}{details}"
        else:
            said += f" and then {did}{details}{f' {within}' if within else ''}"
        before_named = bool(name)
    return said


def event_of(step: nodes.Step | nodes.Aggregate) -> tuple[str, Node | None]:
    """The name of the event that rows are of, and what else is asked of them; no name: of another table."""
    parts = step.where.parts if isinstance(step.where, nodes.And) else (step.where,)
    match parts[0]:
        case nodes.Comparison("=", nodes.Path((nodes.EVENT,)), nodes.Literal(kind="text", value=name)):
            if step.table == nodes.EVENTS:
                rest = tuple(part for part in parts[1:] if part is not None)
                return str(name), nodes.And(rest) if len(rest) > 1 else rest[0] if rest else None
    return "", step.where


def _deed(step: nodes.Step, name: str, details: str, words: Words) -> str:
    if name:
        return f"did {english.quoted(name)}"
    table = english.table_of(step.table, words.schema)
    past = "" if " where " in details else english.past(table)
    return past or f"had {english.a(english.noun(table))}"


def _noun(step: nodes.Step, words: Words) -> str:
    return english.noun(english.table_of(step.table, words.schema))
