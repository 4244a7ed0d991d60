"""From nodes back to text, in one canonical spelling: `parse(format(node)) == node`."""

from __future__ import annotations

import re
from decimal import Decimal

from usher.rules import nodes
from usher.rules.nodes import Node

_KEYWORDS = re.compile(
    "and|or|not|in|is|set|within|next|last|ago|where|top|by|sample|among|between|ignoring|case|did|then|followed"
    "|before|after|true|false|null"
    "|(minute|hour|day|week|month|year)s?",
    re.IGNORECASE,
)


def format(node: Node) -> str:
    """The rule as text."""
    match node:
        case nodes.Or(parts=parts):
            return " or ".join(_bracketed(part, *_SUFFIXED) for part in parts)
        case nodes.And(parts=parts):
            return " and ".join(_bracketed(part, nodes.Or, *_SUFFIXED) for part in parts)
        case nodes.Not(part=nodes.In() as part):
            return f"{_operand(part.value)} not in {_choices(part.choices)}"
        case nodes.Not(part=part):
            return f"not {_bracketed(part, nodes.Or, nodes.And, *_SUFFIXED)}"
        case nodes.Comparison(operator=operator, left=left, right=right):
            return f"{_operand(left)} {operator} {_operand(right)}"
        case nodes.Arithmetic(operator=operator, left=left, right=right):
            return f"{_term(left, operator)} {operator} {_term(right, operator, right=True)}"
        case nodes.Between(value=value, low=low, high=high):
            return f"{_operand(value)} between {_operand(low)} and {_operand(high)}"
        case nodes.Sequence(steps=steps):
            return f"did {' '.join(_step(step, number) for number, step in enumerate(steps))}"
        case nodes.Among(condition=condition, base=base):
            return f"{_bracketed(condition, *_SUFFIXED)} among {_bracketed(base, *_SUFFIXED)}"
        case nodes.Sample(condition=condition, percent=percent, name=name):
            named = f" {_text(name)}" if name else ""
            return f"{_bracketed(condition, nodes.Sample, nodes.Top)} sample {_plain(percent)}%{named}"
        case nodes.Top(condition=condition, count=count, by=by, percent=percent):
            amount = f"{_plain(count)}{'%' if percent else ''}"
            return f"{_bracketed(condition, nodes.Top)} top {amount} by {_operand(by)}"
        case nodes.In(value=value, choices=choices):
            return f"{_operand(value)} in {_choices(choices)}"
        case nodes.IsSet(value=value, negated=negated):
            return f"{_operand(value)} is {'not ' if negated else ''}set"
        case nodes.Within(value=value, period=period, upcoming=upcoming):
            return f"{_operand(value)} within {'next ' if upcoming else ''}{format(period)}"
        case nodes.Timed(value=value, relation=relation, moment=moment):
            ago = " ago" if isinstance(moment, nodes.Period) else ""
            return f"{_operand(value)} {relation} {format(moment)}{ago}"
        case _:
            return _value(node)


def _value(node: Node) -> str:
    match node:
        case nodes.Literal(value=value, kind=kind):
            return _text(str(value)) if kind == "text" else _plain(value)
        case nodes.Null():
            return "null"
        case nodes.Path(steps=steps):
            return _path(steps)
        case nodes.Period(count=count, unit=unit):
            return f"{count} {unit}{'' if count == 1 else 's'}"
        case nodes.Call(name=name, arguments=arguments):
            return f"{name}({', '.join(_bracketed(argument, *_SUFFIXED) for argument in arguments)})"
        case nodes.Membership(kind=kind, name=name):
            return f"{kind}({_text(name)})"
        case nodes.Aggregate(name=name, table=table, column=column, where=where):
            steps = (table, *column.split(".")) if column else (table,)
            return f"{name}({_path(steps)}{_where(where)})"
        case _:
            raise TypeError(f"not a node of a rule: {node!r}")


def _bracketed(node: Node, *kinds: type[Node]) -> str:
    return f"({format(node)})" if isinstance(node, kinds) else format(node)


_SUFFIXED = (nodes.Among, nodes.Sample, nodes.Top)
_ATOMS = (nodes.Literal, nodes.Path, nodes.Call, nodes.Membership, nodes.Aggregate, nodes.Null)


def _operand(node: Node) -> str:
    return format(node) if isinstance(node, (*_ATOMS, nodes.Arithmetic)) else f"({format(node)})"


def _term(node: Node, outer: nodes.Sign, right: bool = False) -> str:
    """One side of a calculation, in brackets where it would be worked out in another order."""
    if not isinstance(node, nodes.Arithmetic):
        return _operand(node)
    looser = node.operator in "+-" and outer in "*/"
    same = (node.operator in "+-") == (outer in "+-")
    return f"({format(node)})" if looser or (right and same) else format(node)


def _where(where: Node | None) -> str:
    return f" where {_bracketed(where, *_SUFFIXED)}" if where else ""


def _step(step: nodes.Step, number: int) -> str:
    words = ("not then " if step.absent else "then ") if number else ""
    match step.where:
        case nodes.Comparison("=", nodes.Path((nodes.EVENT,)), nodes.Literal(kind="text") as name):
            named, rest = _value(name), None
        case nodes.And(
            (nodes.Comparison("=", nodes.Path((nodes.EVENT,)), nodes.Literal(kind="text") as name), *rest_)
        ):
            named, rest = _value(name), nodes.And(tuple(rest_)) if len(rest_) > 1 else rest_[0]
        case _:
            named, rest = _path((step.table,)), step.where
    if step.table != nodes.EVENTS:
        named, rest = _path((step.table,)), step.where
    what = f"({named}{_where(rest)})" if rest else named
    return words + what + (f" within {format(step.within)}" if step.within else "")


def _choices(choices: tuple[Node, ...] | nodes.Path) -> str:
    if isinstance(choices, nodes.Path):
        return format(choices)
    return f"[{', '.join(_operand(choice) for choice in choices)}]"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{Decimal(repr(value)):f}"


def _text(value: str) -> str:
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return (
        '"' + "".join(named.get(c) or (c if c.isprintable() or c == " " else _coded(c)) for c in value) + '"'
    )


def _coded(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else character


def _path(steps: tuple[str, ...]) -> str:
    written = [re.sub(r"[^\w-]", lambda found: "\\" + found.group(), step) for step in steps]
    if re.match(r"[\d-]", written[0]) or (len(written) == 1 and _KEYWORDS.fullmatch(written[0])):
        written[0] = "\\" + written[0]
    return ".".join(written)
