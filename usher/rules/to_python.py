"""Rules for one event: a Python predicate with the value semantics of Segment's FQL.

It answers what `select` answers for the same values. Where an event holds a value of another type than the
rule expects (which a checked column cannot), FQL decides: such a value never fulfils a comparison.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Literal

from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.errors import RuleError
from usher.rules.functions import FUNCTIONS
from usher.rules.functions.conversions import in_digits
from usher.rules.functions.time import anniversary_comes, local_day
from usher.rules.moments import instant_of, moment_of, shifted
from usher.rules.nodes import Node
from usher.rules.slips import ANNIVERSARY, asked

Event = Mapping[str, object]
#: Does the person of the event carry this tag, are they in this segment or audience?
Belongs = Callable[[Literal["tag", "segment", "audience"], str], bool]
#: The clock of functions where no moment was given; those that need one ask for `now`.
_NEVER = datetime.min.replace(tzinfo=UTC)
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_TEXTS = frozenset({"type", "event", "name", "userId", "anonymousId", "messageId", "groupId", "previousId"})
_COMPARED_AS_TEXT = frozenset({"type", "event"})


def to_python(
    node: Node, *, now: datetime | None = None, zone: tzinfo = UTC, members: Belongs | None = None
) -> Callable[[Mapping[str, object]], bool]:
    """The rule as a predicate of one event. Raises RuleError for what only a set of people can answer.

    The predicate never raises, whatever the event holds. A rule with windows (`within`, `days_since`) needs
    `now`; times without an offset are local in `zone`. `members` answers tag(…), segment(…) and audience(…)
    for the person whose event it is, whenever the predicate is asked.
    """
    return _Compiler(now, zone, members).condition(node)


class _Compiler:
    def __init__(self, now: datetime | None, zone: tzinfo, members: Belongs | None) -> None:
        self._now = now
        self.zone = zone
        self._members = members

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
            case nodes.Null():
                return lambda event: None
            case nodes.Path(steps=steps):
                return lambda event: _look_up(event, steps)
            case nodes.Call():
                return self.call(node)
            case nodes.Arithmetic():
                return self.arithmetic(node)
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
            case nodes.Within(value=nodes.Call(name="anniversary", arguments=(value,))):
                return self.anniversary(node, value)
            case nodes.Within() | nodes.Timed():
                return self.timed(node)
            case nodes.Between():
                return self.between(node)
            case nodes.Membership(kind=kind, name=name) if self._members:
                belongs = self._members
                return lambda event: belongs(kind, name)
            case nodes.Aggregate() | nodes.Membership() | nodes.Sequence() | nodes.Among():
                raise RuleError(f"{asked(node)} is asked of people, not of a single event.")
            case nodes.Sample() | nodes.Top():
                raise RuleError(f"{asked(node)} is asked of people, not of a single event.")
            case _:
                raise RuleError("This is not a condition: compare it, for example with = or >.")

    def call(self, node: nodes.Call) -> Callable[[Event], Any]:
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise RuleError(f"There is no function called {node.name}.")
        if node.name == "anniversary":
            raise RuleError(ANNIVERSARY)
        if function.python is None:
            raise RuleError(f"{node.name}(…) is asked of people, not of a single event.")
        if message := function.wrong_count(len(node.arguments)):
            raise RuleError(message)
        for number in function.literal:
            argument = node.arguments[number] if number < len(node.arguments) else None
            if not isinstance(argument, nodes.Literal) or argument.kind not in function.takes_at(number):
                continue
            if message := function.wrong(argument.value):
                raise RuleError(message)
        getters = [self.value(argument) for argument in node.arguments]
        python, clock = function.python, Clock(self.now if function.moves else self._now or _NEVER, self.zone)
        return lambda event: python(clock, *(get(event) for get in getters))

    def arithmetic(self, node: nodes.Arithmetic) -> Callable[[Event], Any]:
        get, other, sign = self.value(node.left), self.value(node.right), _ARITHMETIC[node.operator]
        return lambda event: _calculated(sign, get(event), other(event))

    def comparison(self, sign: str, left: Node, right: Node) -> Callable[[Event], bool]:
        if isinstance(left, nodes.Literal) and not isinstance(right, nodes.Literal):
            sign, left, right = _TURNED[sign], right, left
        get, other = self.value(left), self.value(right)
        if isinstance(right, nodes.Path) and right.name in _COMPARED_AS_TEXT:
            get = _as_text(get)
        if isinstance(left, nodes.Path) and left.name in _COMPARED_AS_TEXT:
            other = _as_text(other)
        return lambda event: _compared(sign, get(event), other(event), self.zone)

    def between(self, node: nodes.Between) -> Callable[[Event], bool]:
        get, low, high = self.value(node.value), self.value(node.low), self.value(node.high)
        for written in (node.low, node.high):
            if isinstance(written, nodes.Literal) and written.kind == "text":
                self.moment(written)
        day = moment_of(str(node.high.value)) if isinstance(node.high, nodes.Literal) else None
        sign = "<="
        if day is not None and not isinstance(day, datetime) and day < date.max:
            following = day + timedelta(days=1)
            sign, high = "<", lambda event: following

        def test(event: Event) -> bool:
            value = get(event)
            return _compared("<=", low(event), value, self.zone) and _compared(
                sign, value, high(event), self.zone
            )

        return test

    def is_in(self, node: nodes.In) -> Callable[[Event], bool]:
        if isinstance(node.choices, nodes.Path):
            return self.is_element(node.value, self.value(node.choices))
        tests = [self.equality(node.value, choice) for choice in node.choices]
        return lambda event: any(test(event) for test in tests)

    def equality(self, one: Node, other: Node) -> Callable[[Event], bool]:
        """`one = other`, where either may be a written null."""
        for side, against in ((one, other), (other, one)):
            if isinstance(side, nodes.Null):
                return self.test(nodes.IsSet(against, negated=True))
        return self.comparison("=", one, other)

    def is_element(self, value: Node, choices: Callable[[Event], Any]) -> Callable[[Event], bool]:
        get = self.value(value)
        missing = isinstance(value, nodes.Null)
        as_text = isinstance(value, nodes.Path) and value.name in _COMPARED_AS_TEXT

        def test(event: Event) -> bool:
            items = choices(event)
            if not isinstance(items, list | tuple):
                return False
            if missing:
                return any(item is None for item in items)
            one = get(event)
            return any(_compared("=", one, in_digits(item) if as_text else item, self.zone) for item in items)

        return test

    def anniversary(self, node: nodes.Within, value: Node) -> Callable[[Event], bool]:
        get, clock = self.value(value), Clock(self.now, self.zone)
        after, until = (moment.astimezone(self.zone).date() for moment in self.window(node))

        def test(event: Event) -> bool:
            day = local_day(clock, get(event))
            return day is not None and anniversary_comes(day, after, until)

        return test

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
            return self.window(node)
        if isinstance(node.moment, nodes.Period):
            moment = shifted(self.now, node.moment, self.zone, -1)
        else:
            moment = self.moment(node.moment)
        return (moment, None) if node.relation == "after" else (None, moment)

    def window(self, node: nodes.Within) -> tuple[datetime, datetime]:
        edge = shifted(self.now, node.period, self.zone, 1 if node.upcoming else -1)
        return (self.now, edge) if node.upcoming else (edge, self.now)

    def moment(self, written: nodes.Literal) -> datetime:
        found = _instant(written.value, self.zone)
        if found is None:
            raise RuleError(f'"{written.value}" is not a date such as "2024-05-31".')
        return found


def _look_up(event: object, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if not isinstance(event, Mapping):
            return None
        event = event.get(step)
    return event


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _as_text(get: Callable[[Event], Any]) -> Callable[[Event], Any]:
    """`type` and `event` are compared as text, also with numbers."""
    return lambda event: in_digits(get(event))


def _calculated(sign: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """The result of two numbers; missing for anything else, and for what is no finite number."""
    if not (_is_number(one) and _is_number(other)):
        return None
    try:
        found = sign(*(float(part) if isinstance(part, Decimal) else part for part in (one, other)))
    except ArithmeticError:
        return None
    return found if isinstance(found, int) or math.isfinite(found) else None


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
    else:  # lists and objects are equal to nothing
        same = type(one) is type(other) and isinstance(one, str | bool) and bool(one == other)
        return same if sign == "=" else not same and (one is not None or other is not None)
    if sign in _ORDER:
        return bool(_ORDER[sign](one, other))
    return bool(one == other) is (sign == "=")
