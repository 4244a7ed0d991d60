"""Rules for one event: a Python predicate with the value semantics of Segment's FQL.

It answers what `select` answers for the same values. Where an event holds a value of another type than the
rule expects (which a checked column cannot), FQL decides: such a value never fulfils a comparison.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.errors import RuleError
from usher.rules.functions import FUNCTIONS, PLANNED
from usher.rules.moments import instant_of, moment_of, shifted
from usher.rules.nodes import Node

Event = Mapping[str, object]
#: The clock of functions where no moment was given; those that need one ask for `now`.
_NEVER = datetime.min.replace(tzinfo=UTC)
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_TEXTS = frozenset({"type", "event", "name", "userId", "anonymousId", "messageId", "groupId", "previousId"})
_COMPARED_AS_TEXT = frozenset({"type", "event"})


def to_python(
    node: Node, *, now: datetime | None = None, zone: tzinfo = UTC
) -> Callable[[Mapping[str, object]], bool]:
    """The rule as a predicate of one event. Raises RuleError for what only a set of people can answer.

    A rule with windows (`within`, `ago`) needs `now`; times without an offset are local in `zone`.
    """
    return _Compiler(now, zone).condition(node)


class _Compiler:
    def __init__(self, now: datetime | None, zone: tzinfo) -> None:
        self._now = now
        self.zone = zone

    @property
    def now(self) -> datetime:
        if self._now is None:
            raise RuleError("A time window (within, ago) cannot be asked of an event here.")
        return self._now

    def condition(self, node: Node) -> Callable[[Event], bool]:
        match node:
            case nodes.Literal(kind="boolean", value=value):
                return lambda event: bool(value)
            case nodes.Path(steps=(step,)) if step in _TEXTS:
                raise RuleError(f'{step} is a text, not a condition: compare it, for example {step} = "…".')
            case nodes.Path() | nodes.Call():
                get = self.value(node)
                return lambda event: get(event) is True
            case _:
                return self.test(node)

    def value(self, node: Node) -> Callable[[Event], Any]:
        match node:
            case nodes.Literal(value=value):
                return lambda event: value
            case nodes.Path(steps=steps):
                return lambda event: _look_up(event, steps)
            case nodes.Call():
                return self.call(node)
            case _:
                return self.condition(node)

    def test(self, node: Node) -> Callable[[Event], bool]:
        match node:
            case nodes.And(parts=parts):
                tests = [self.condition(part) for part in parts]
                return lambda event: all(test(event) for test in tests)
            case nodes.Or(parts=parts):
                tests = [self.condition(part) for part in parts]
                return lambda event: any(test(event) for test in tests)
            case nodes.Not(part=nodes.Call() as part):
                answer = self.value(part)
                return lambda event: answer(event) is False
            case nodes.Not(part=part):
                test = self.condition(part)
                return lambda event: not test(event)
            case nodes.Comparison():
                return self.comparison(node.operator, node.left, node.right)
            case nodes.In():
                return self.is_in(node)
            case nodes.IsSet(value=value, negated=negated):
                get = self.value(value)
                return lambda event: (get(event) is None) is negated
            case nodes.Within() | nodes.Timed():
                return self.timed(node)
            case nodes.Aggregate(name=name) | nodes.Membership(kind=name):
                raise RuleError(f"{name}(…) is asked of people, not of a single event.")
            case _:
                raise RuleError("This is not a condition: compare it, for example with = or >.")

    def call(self, node: nodes.Call) -> Callable[[Event], Any]:
        function = FUNCTIONS.get(node.name)
        if function is None:
            known = "is not supported yet" if node.name in PLANNED else "is not known"
            raise RuleError(f"The function {node.name} {known}.")
        if len(node.arguments) < len(function.takes) or (
            len(node.arguments) > len(function.takes) and not function.repeats
        ):
            raise RuleError(f"{node.name} takes {len(function.takes)} value(s), not {len(node.arguments)}.")
        for number in function.literal:
            argument = node.arguments[number]
            if isinstance(argument, nodes.Literal) and (message := function.wrong(argument.value)):
                raise RuleError(message)
        getters = [self.value(argument) for argument in node.arguments]
        python, clock = function.python, Clock(self._now or _NEVER, self.zone)
        assert python is not None, node.name
        return lambda event: python(clock, *(get(event) for get in getters))

    def comparison(self, sign: str, left: Node, right: Node) -> Callable[[Event], bool]:
        if isinstance(left, nodes.Literal) and not isinstance(right, nodes.Literal):
            sign, left, right = _TURNED[sign], right, left
        if isinstance(left, nodes.Path) and left.name in _COMPARED_AS_TEXT and _is_number(_written(right)):
            right = nodes.Literal(str(_written(right)), "text")
        get, other = self.value(left), self.value(right)
        return lambda event: _compared(sign, get(event), other(event), self.zone)

    def is_in(self, node: nodes.In) -> Callable[[Event], bool]:
        if isinstance(node.choices, nodes.Path):
            get, choices = self.value(node.value), self.value(node.choices)
            return lambda event: _is_element(get(event), choices(event), self.zone)
        tests = [
            self.test(nodes.IsSet(node.value, negated=True))
            if isinstance(choice, nodes.Null)
            else self.comparison("=", node.value, choice)
            for choice in node.choices
        ]
        return lambda event: any(test(event) for test in tests)

    def timed(self, node: nodes.Within | nodes.Timed) -> Callable[[Event], bool]:
        get, after, until = self.value(node.value), *self.bounds(node)
        strict = isinstance(node, nodes.Timed) and isinstance(node.moment, nodes.Literal)

        def test(event: Event) -> bool:
            found = _instant(get(event), self.zone)
            if found is None or (after is not None and found <= after):
                return False
            return until is None or (found < until if strict else found <= until)

        return test

    def bounds(self, node: nodes.Within | nodes.Timed) -> tuple[datetime | None, datetime | None]:
        """Later than the first and not later than the second; None: no bound."""
        if isinstance(node, nodes.Within):
            edge = shifted(self.now, node.period, self.zone, 1 if node.upcoming else -1)
            return (self.now, edge) if node.upcoming else (edge, self.now)
        if isinstance(node.moment, nodes.Period):
            moment = shifted(self.now, node.moment, self.zone, -1)
        else:
            written = _instant(node.moment.value, self.zone)
            if written is None:
                raise RuleError(f'"{node.moment.value}" is not a date such as "2024-05-31".')
            moment = written
        return (moment, None) if node.relation == "after" else (None, moment)


def _look_up(event: object, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if not isinstance(event, Mapping):
            return None
        event = event.get(step)
    return event


def _written(node: Node) -> object:
    return node.value if isinstance(node, nodes.Literal) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _instant(value: object, zone: tzinfo) -> datetime | None:
    found = moment_of(value) if isinstance(value, str) else value
    return instant_of(found, zone) if isinstance(found, date) else None


def _compared(sign: str, one: Any, other: Any, zone: tzinfo) -> bool:
    if isinstance(one, date) or isinstance(other, date) or (sign in _ORDER and not _is_number(other)):
        one, other = _instant(one, zone), _instant(other, zone)
        if one is None or other is None:
            return sign == "!="
    elif _is_number(one) and _is_number(other):
        pass
    elif sign in _ORDER or (_is_number(other) and sign == "!=") or (_is_number(one) and other is None):
        return False
    elif sign == "!=":
        return one is not other and (type(one) is not type(other) or one != other)
    else:
        return one is not None and type(one) is type(other) and bool(one == other)
    if sign in _ORDER:
        return bool(_ORDER[sign](one, other))
    return bool(one == other) is (sign == "=")


def _is_element(value: object, choices: object, zone: tzinfo) -> bool:
    return isinstance(choices, list | tuple) and any(_compared("=", value, item, zone) for item in choices)
