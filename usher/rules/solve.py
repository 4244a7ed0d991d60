"""Values with which a condition holds, or does not: found for plain conditions, None for all others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo

from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.functions import FUNCTIONS
from usher.rules.functions.text import small_letters
from usher.rules.moments import instant_of, moment_of, shifted
from usher.rules.nodes import Node
from usher.rules.shapes import oriented
from usher.rules.wording import Words

Found = Mapping[str, object]
_OPPOSITE: dict[str, str] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_DAY = timedelta(days=1)


class Solver:
    """For conditions on the rows that `words` speaks of, at a moment."""

    def __init__(self, words: Words, now: datetime, zone: tzinfo) -> None:
        self.words, self.now, self.zone = words, now, zone

    def solve(self, node: Node, truth: bool = True) -> Found | None:
        """Values by column; None: none was found."""
        try:
            return self._solved(node, truth)
        except OverflowError:  # beyond the first or the last day of the calendar
            return None

    def just_now(self, kind: str | None) -> date:
        """The time of a row that comes now, as a column of this type holds it."""
        return self.now.astimezone(self.zone).date() if kind == "date" else self.now

    def fits(self, node: nodes.Within | nodes.Timed, value: date) -> bool:
        """Whether a window takes in a value."""
        at = instant_of(value, self.zone)
        if isinstance(node, nodes.Within):
            edge = shifted(self.now, node.period, self.zone, 1 if node.upcoming else -1)
            return self.now < at <= edge if node.upcoming else edge < at <= self.now
        if isinstance(node.moment, nodes.Period):
            edge = shifted(self.now, node.moment, self.zone, -1)
            return at <= edge if node.relation == "before" else at > edge
        moment = moment_of(str(node.moment.value))
        if moment is None:
            return False
        edge = instant_of(moment, self.zone)
        return at < edge if node.relation == "before" else at > edge

    def _solved(self, node: Node, truth: bool) -> Found | None:
        match node:
            case nodes.Not(part=part):
                return self._solved(part, not truth)
            case nodes.And(parts=parts) | nodes.Or(parts=parts):
                found = [self._solved(part, truth) for part in parts]
                every = isinstance(node, nodes.And) is truth
                return _merged(found) if every else next((one for one in found if one is not None), None)
            case nodes.Literal(kind="boolean", value=value):
                return {} if bool(value) is truth else None
            case nodes.Path(name=name):
                return {name: truth} if self.words.type_of(node) == "boolean" else None
            case nodes.Comparison():
                return self._compared(node, truth)
            case nodes.In(value=nodes.Path() as path, choices=tuple() as choices):
                return self._chosen(path, choices, truth)
            case nodes.IsSet(value=nodes.Path() as path, negated=negated):
                return {path.name: None if negated is truth else self._any(path)}
            case nodes.Between(
                value=nodes.Path() as path, low=nodes.Literal() as low, high=nodes.Literal() as high
            ):
                return self._between(path, low, high, truth)
            case nodes.Within(value=nodes.Path() as path) | nodes.Timed(value=nodes.Path() as path):
                return self._timed(node, path, truth)
            case nodes.Call(name=name, arguments=(nodes.Path() as path, nodes.Literal() as other)):
                return self._called(name, path, str(other.value), truth)
        return None

    def _compared(self, node: nodes.Comparison, truth: bool) -> Found | None:
        sign, left, right = oriented(node)
        if isinstance(left, nodes.Call) and left.name == "lowercase" and isinstance(right, nodes.Literal):
            left = left.arguments[0]
            if right.kind != "text" or right.value != small_letters(str(right.value)):
                return None
        if not isinstance(left, nodes.Path) or not isinstance(right, nodes.Literal):
            return None
        asked = sign if truth else _OPPOSITE[sign]
        found = self._beside(left, right, asked)
        return None if found is None else {left.name: found}

    def _beside(self, path: nodes.Path, literal: nodes.Literal, sign: str) -> object:
        """A value that compares so with the one written out."""
        step = {"=": 0, "<=": 0, ">=": 0, "!=": 1, ">": 1, "<": -1}[sign]
        kind, value = self.words.type_of(path), literal.value
        match kind:
            case "text" if sign in ("=", "!="):
                return f"{value}{'x' * step}"
            case "boolean" if sign in ("=", "!="):
                return bool(value) is (sign == "=")
            case "number" if isinstance(value, int | float):
                return _whole(value, sign)
            case "date" | "instant":
                moment = moment_of(str(value))
                if moment is None:
                    return None
                if kind == "instant":
                    return instant_of(moment, self.zone) + step * _DAY
                if isinstance(moment, datetime):
                    day = instant_of(moment, self.zone).astimezone(self.zone).date()
                    return None if sign == "=" else day + (-_DAY if sign in ("<", "<=") else _DAY)
                return moment + step * _DAY
        return None

    def _chosen(self, path: nodes.Path, choices: Sequence[Node], truth: bool) -> Found | None:
        known = [choice for choice in choices if isinstance(choice, nodes.Literal)]
        if any(not isinstance(choice, nodes.Literal | nodes.Null) for choice in choices) or not choices:
            return None
        if not truth:
            return self._other(path, known)
        found = self._beside(path, known[0], "=") if known else None
        return {path.name: found} if found is not None or not known else None

    def _other(self, path: nodes.Path, known: Sequence[nodes.Literal]) -> Found | None:
        """A known value that is none of these."""
        if not known:
            return {path.name: self._any(path)}
        if self.words.type_of(path) == "text":
            return {path.name: max((str(one.value) for one in known), key=len) + "x"}
        others = [self._beside(path, one, ">") for one in known]
        if self.words.type_of(path) == "boolean" or any(one is None for one in others):
            return None
        return {path.name: max(others)}  # type: ignore[type-var]  # all of one type that has an order

    def _any(self, path: nodes.Path) -> object:
        kind = self.words.type_of(path)
        return {"text": "x", "number": 1, "boolean": True}.get(kind or "") or self.just_now(kind)

    def _between(
        self, path: nodes.Path, low: nodes.Literal, high: nodes.Literal, truth: bool
    ) -> Found | None:
        least, most = self._beside(path, low, ">="), self._beside(path, high, ">=")
        if least is None or most is None or not least <= most:  # type: ignore[operator]  # of one type
            return None
        if truth:
            return {path.name: least}
        if isinstance(most, date):
            return {path.name: most + 2 * _DAY}
        return {path.name: self._beside(path, high, ">")}

    def _timed(self, node: nodes.Within | nodes.Timed, path: nodes.Path, truth: bool) -> Found | None:
        """One of the days around now and around the window's far edge."""
        period = node.period if isinstance(node, nodes.Within) else node.moment
        if isinstance(period, nodes.Period):
            forward = isinstance(node, nodes.Within) and node.upcoming
            edge = shifted(self.now, period, self.zone, 1 if forward else -1)
        else:
            edge = Clock(self.now, self.zone).written(period)
        for moment in (self.now, edge, *(edge + days * _DAY for days in (-1, 1, -2, 2))):
            value = moment.astimezone(self.zone)
            known = value.date() if self.words.type_of(path) == "date" else value
            if self.fits(node, known) is truth:
                return {path.name: known}
        return None

    def _called(self, name: str, path: nodes.Path, other: str, truth: bool) -> Found | None:
        function = FUNCTIONS.get(name)
        if (
            name not in ("contains", "match", "starts_with", "ends_with")
            or function is None
            or not function.python
        ):
            return None
        plain = other.replace("*", "").replace("?", "x") if name == "match" else other
        for value in (plain, "", "x", f"{plain}x"):
            if function.python(Clock(self.now, self.zone), value, other) is truth:
                return {path.name: value}
        return None


def _whole(value: float, sign: str) -> float:
    """A number that compares so with `value`: a whole one, if any does."""
    if sign == "=":
        return value
    return {
        "!=": math.floor(value) + 1,
        ">": math.floor(value) + 1,
        ">=": math.ceil(value),
        "<": math.ceil(value) - 1,
        "<=": math.floor(value),
    }[sign]


def _merged(parts: Sequence[Found | None]) -> Found | None:
    """All values together; None where two conditions speak of one column."""
    merged: dict[str, object] = {}
    for part in parts:
        if part is None or merged.keys() & part.keys():
            return None
        merged |= part
    return merged
