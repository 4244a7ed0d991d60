"""From text to nodes, and from a slip of the pen to a message that says what was expected where."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path as File
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError
from lark.tree import Meta

from usher.rules import nodes
from usher.rules.errors import RuleError
from usher.rules.functions import ROW_FUNCTIONS
from usher.rules.functions.text import small_letters
from usher.rules.nodes import Node
from usher.rules.slips import expectation, hint_for

LONGEST_TEXT = 200_000
DEEPEST = 50
LONGEST_PERIOD = {
    "minute": 200 * 527_040,
    "hour": 200 * 8_784,
    "day": 200 * 366,
    "week": 200 * 52,
    "month": 2_400,
}
_STRING = re.compile(r"""(["'])(?:\\.|(?!\1)[^\\])*\1""", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


def parse(text: str) -> Node:
    """The rule in `text`. Raises RuleError."""
    if not text.strip():
        raise RuleError("The rule is empty.", hint='Write a condition, for example: country = "GB".')
    if len(text) > LONGEST_TEXT:
        raise RuleError(f"The rule is longer than {LONGEST_TEXT:,} characters.")
    try:
        node: Node = _Builder(text).transform(_grammar().parse(text))
    except UnexpectedInput as error:
        raise _slip(text, error) from None
    except VisitError as error:
        if isinstance(error.orig_exc, RecursionError):
            raise _too_deep() from None
        raise error.orig_exc from None
    except RecursionError:
        raise _too_deep() from None
    if _depth(node) > DEEPEST:
        raise _too_deep()
    return node


@cache
def _grammar() -> Lark:
    text = (File(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _too_deep() -> RuleError:
    return RuleError(f"The rule is nested more than {DEEPEST} levels deep.")


def _depth(node: Node) -> int:
    depth, level = 0, [node]
    while level:
        depth, level = depth + 1, [child for parent in level for child in nodes.children(parent)]
    return depth


def _slip(text: str, error: UnexpectedInput) -> RuleError:
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    position = len(text.rstrip()) if ended else (error.pos_in_stream or 0)
    if isinstance(error, UnexpectedToken):
        accepted = error.accepts or error.expected
    else:
        accepted = accepted_at(text, position)
    expected = expectation(accepted)
    found = "but the rule ends here" if ended else f"but found {_word(text, position)}"
    if not ended and text[position] in "\"'" and not _STRING.match(text, position):
        return RuleError("This quote is never closed.", text, position, expected)
    message = f"Expected {', '.join(expected[:-1]) + ' or ' * (len(expected) > 1) + expected[-1]}, {found}."
    return RuleError(message, text, position, expected, hint_for(text, position, accepted))


def accepted_at(text: str, position: int) -> set[str]:
    """The names of the grammar's terminals that may follow the first `position` characters."""
    reader = _grammar().parse_interactive(text[:position])
    try:
        reader.exhaust_lexer()
        return set(reader.accepts())
    except UnexpectedInput:
        return set()


def _word(text: str, position: int) -> str:
    if string := _STRING.match(text, position):
        return string.group()[:40]
    found = re.compile(r"\w{1,40}|\W").match(text, position)
    return f'"{found.group()}"' if found else "the end"


def _unquoted(text: str, token: Token) -> str:
    def escaped(found: re.Match[str]) -> str:
        if found["code"]:
            return chr(int(found["code"], 16))
        # an unknown escape stays as it is: in match() the pattern "\*" means a star
        return _ESCAPES.get(found["one"], found.group())

    value = re.sub(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<one>.))", escaped, token[1:-1], flags=re.DOTALL)
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise RuleError("This text holds a character that no database can store.", text, token.start_pos or 0)
    return value


@v_args(meta=True)
class _Builder(Transformer[Token, Any]):
    """Builds nodes from the parse tree."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def _refuse(self, meta: Meta, message: str, hint: str | None = None) -> RuleError:
        return RuleError(message, self._text, meta.start_pos, (), hint)

    def start(self, meta: Meta, found: list[Any]) -> Node:
        node: Node = found[0]
        return node

    def top(self, meta: Meta, found: list[Any]) -> Node:
        condition, _, amount, _, by = found
        percent = amount.type == "PERCENT"
        count = self._percentage(amount) if percent else _plain_number(amount)
        if not percent and (count < 1 or count != int(count)):
            raise self._refuse_at(amount, "`top` takes a whole number of people, from 1.")
        return nodes.Top(condition, count, by, percent, **_at(meta))

    def sample(self, meta: Meta, found: list[Any]) -> Node:
        name = _unquoted(self._text, found[3]) if len(found) > 3 else ""
        return nodes.Sample(found[0], self._percentage(found[2]), name, **_at(meta))

    def top_of_all(self, meta: Meta, found: list[Any]) -> Node:
        return self.top(meta, [nodes.Literal(True, "boolean", **_at(meta)), *found])

    def sample_of_all(self, meta: Meta, found: list[Any]) -> Node:
        return self.sample(meta, [nodes.Literal(True, "boolean", **_at(meta)), *found])

    def among(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Among(found[0], found[2], **_at(meta))

    def _percentage(self, token: Token) -> float:
        percent = float(token.rstrip("% \t\r\n")) if len(token) < 20 else 101.0
        if not 0 < percent <= 100:
            raise self._refuse_at(token, "A percentage is more than 0 and at most 100.")
        return int(percent) if percent == int(percent) else percent

    def _refuse_at(self, token: Token, message: str) -> RuleError:
        return RuleError(message, self._text, token.start_pos or 0)

    def arithmetic(self, meta: Meta, found: list[Any]) -> Node:
        left, sign, right = found
        return nodes.Arithmetic(str(sign), left, right, **_at(meta))  # type: ignore[arg-type]

    def minus(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Arithmetic("-", nodes.Literal(0, "number", **_at(meta)), found[-1], **_at(meta))

    def sequence(self, meta: Meta, found: list[Any]) -> Node:
        steps: list[nodes.Step] = []
        absent = False
        for part in found:
            match part:
                case nodes.Step():
                    steps.append(replace(part, absent=absent))
                case nodes.Period():
                    steps[-1] = replace(steps[-1], within=part)
                case Token(type="NOT_THEN"):
                    absent = True
        return nodes.Sequence(tuple(steps), **_at(meta))

    def step(self, meta: Meta, found: list[Any]) -> Node:
        what = next(part for part in found if isinstance(part, nodes.Path) or part.type == "STRING")
        where = found[-1] if len(found) > 1 else None
        if isinstance(what, nodes.Path):
            return nodes.Step(what.name, where, None, False, **_at(meta))
        named = nodes.named_event(self.text(meta, [what]))
        parts = (named,) if where is None else _flat(nodes.And, [named, where])
        whole = named if where is None else nodes.And(parts)
        return nodes.Step(nodes.EVENTS, whole, None, False, **_at(meta))

    def any_of(self, meta: Meta, found: list[Any]) -> Node:
        parts = _flat(nodes.Or, [item for item in found if isinstance(item, Node)])
        return nodes.Or(parts, **_at(meta))

    def all_of(self, meta: Meta, found: list[Any]) -> Node:
        parts = _flat(nodes.And, [item for item in found if isinstance(item, Node)])
        return nodes.And(parts, **_at(meta))

    def negation(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Not(found[-1], **_at(meta))

    def comparison(self, meta: Meta, found: list[Any]) -> Node:
        left, operator, right = found
        if operator in ("=", "!=") and (isinstance(left, nodes.Null) or isinstance(right, nodes.Null)):
            value = left if isinstance(right, nodes.Null) else right
            return nodes.IsSet(value, negated=operator == "=", **_at(meta))
        return nodes.Comparison(str(operator), left, right, **_at(meta))  # type: ignore[arg-type]

    def comparison_ignoring_case(self, meta: Meta, found: list[Any]) -> Node:
        left, operator, right, *_ = found
        return self.comparison(meta, [_lowered(left), operator, _lowered(right)])

    def call_ignoring_case(self, meta: Meta, found: list[Any]) -> Node:
        call = found[0]
        if not isinstance(call, nodes.Call) or call.name not in ("contains", "match"):
            raise self._refuse(meta, "`ignoring case` stands behind =, !=, in, contains(…) or match(…).")
        return nodes.Call(call.name, tuple(map(_lowered, call.arguments)), **_at(meta))

    def between(self, meta: Meta, found: list[Any]) -> Node:
        value, _, low, _, high = found
        return nodes.Between(value, low, high, **_at(meta))

    def is_in(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.In(found[0], found[2], **_at(meta))

    def is_not_in(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Not(self.is_in(meta, found), **_at(meta))

    def is_in_ignoring_case(self, meta: Meta, found: list[Any]) -> Node:
        value, _, choices, *_ = found
        if isinstance(choices, nodes.Path):
            raise self._refuse(meta, '`ignoring case` needs the list written out: ["a", "b"].')
        return self.is_in(meta, [_lowered(value), "in", tuple(map(_lowered, choices))])

    def is_not_in_ignoring_case(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Not(self.is_in_ignoring_case(meta, found), **_at(meta))

    def choice_list(self, meta: Meta, found: list[Any]) -> tuple[Node, ...]:
        return tuple(found)

    def choice_path(self, meta: Meta, found: list[Any]) -> Node:
        node: Node = found[0]
        return node

    def is_set(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.IsSet(found[0], negated=False, **_at(meta))

    def is_not_set(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.IsSet(found[0], negated=True, **_at(meta))

    def within(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Within(found[0], found[-1], upcoming=False, **_at(meta))

    def within_next(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Within(found[0], found[-1], upcoming=True, **_at(meta))

    def relative(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Timed(found[0], found[1].lower(), found[2], **_at(meta))

    def dated(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Timed(found[0], found[1].lower(), self.text(meta, found[2:]), **_at(meta))

    def period(self, meta: Meta, found: list[Any]) -> Node:
        number, unit = found[0], found[1].lower().rstrip("s")
        if not number.isdigit():
            raise self._refuse(meta, f"A time span is a whole number, not {number}.")
        years = LONGEST_PERIOD.get(unit, 200)
        if len(number) > 12 or int(number) > years:
            raise self._refuse(meta, "A time span can be at most 200 years.")
        return nodes.Period(int(number), unit, **_at(meta))

    def path(self, meta: Meta, found: list[Any]) -> Node:
        steps = re.findall(r"(?:\\.|[^.\\])+", found[0], flags=re.DOTALL)
        plain = tuple(re.sub(r"\\(.)", r"\1", step, flags=re.DOTALL) for step in steps)
        return nodes.Path(plain, **_at(meta))

    def null(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Null(**_at(meta))

    def text(self, meta: Meta, found: list[Any]) -> nodes.Literal:
        return nodes.Literal(_unquoted(self._text, found[0]), "text", **_at(meta))

    def number(self, meta: Meta, found: list[Any]) -> Node:
        number = found[0]
        if len(number) > 40:
            raise self._refuse(meta, "This number has too many digits.")
        return nodes.Literal(_plain_number(number), "number", **_at(meta))

    def true(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Literal(True, "boolean", **_at(meta))

    def false(self, meta: Meta, found: list[Any]) -> Node:
        return nodes.Literal(False, "boolean", **_at(meta))

    def filtered(self, meta: Meta, found: list[Any]) -> tuple[Node, Node]:
        return found[0], found[-1]

    def call(self, meta: Meta, found: list[Any]) -> Node:
        name, arguments = str(found[0]).lower(), found[1:]
        where = None
        if len(arguments) == 1 and isinstance(arguments[0], tuple):
            arguments, where = [arguments[0][0]], arguments[0][1]
        if any(isinstance(argument, tuple) for argument in arguments):
            raise self._refuse(meta, f"{name} takes one table or column with one `where`.")
        if name in ROW_FUNCTIONS:
            return self._aggregate(meta, name, arguments, where)
        if where is not None:
            hint = "`where` stands in questions about rows, for example count(orders where value > 5)."
            raise self._refuse(meta, f"{name} does not take `where`.", hint)
        if name in ("tag", "segment", "audience"):
            return self._membership(meta, name, arguments)
        return nodes.Call(name, tuple(arguments), **_at(meta))

    def _aggregate(self, meta: Meta, name: str, arguments: list[Any], where: Node | None) -> Node:
        if len(arguments) != 1 or not isinstance(arguments[0], nodes.Path):
            example = "orders.value" if ROW_FUNCTIONS[name].of_column else "orders"
            inside = any(not isinstance(argument, nodes.Literal) for argument in arguments)
            hint = f"A condition on the rows stands behind `where`: {name}({example} where value > 5)."
            message = f"{name} takes a related table, for example {name}({example})."
            raise self._refuse(meta, message, hint if len(arguments) == 1 and inside else None)
        table, *column = arguments[0].steps
        return nodes.Aggregate(name, table, ".".join(column) or None, where, **_at(meta))

    def _membership(self, meta: Meta, name: str, arguments: list[Any]) -> Node:
        if len(arguments) != 1 or not isinstance(arguments[0], nodes.Literal) or arguments[0].kind != "text":
            path = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], nodes.Path) else None
            example = f'{name}("{path.name if path else "VIP"}")'
            raise self._refuse(meta, f"{name} takes one name in quotes, for example {example}.")
        return nodes.Membership(name, str(arguments[0].value), **_at(meta))  # type: ignore[arg-type]


def _plain_number(number: str) -> int | float:
    return float(number) if "." in number or len(number) > 18 else int(number)


def _lowered(node: Node) -> Node:
    """The value in small letters, as the function lowercase(…) gives it."""
    at = {"start": node.start, "end": node.end}
    match node:
        case nodes.Literal(value=str() as value):
            return nodes.Literal(small_letters(value), "text", **at)
        case nodes.Null() | nodes.Literal() | nodes.Call(name="lowercase"):
            return node
        case _:
            return nodes.Call("lowercase", (node,), **at)


def _at(meta: Meta) -> dict[str, int]:
    return {"start": meta.start_pos, "end": meta.end_pos} if not meta.empty else {}


def _flat(kind: type[nodes.And] | type[nodes.Or], parts: list[Node]) -> tuple[Node, ...]:
    """`(a and b) and c` is `a and b and c`."""
    return tuple(inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,)))
