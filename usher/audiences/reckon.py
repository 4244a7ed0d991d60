"""Rules that ask for nothing but kept answers, worked out on arrays of whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from usher.audiences import numbers
from usher.audiences.ledger import EMPTY, Numbers
from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.compile.values import shared
from usher.rules.kept import column_of, joins
from usher.rules.moments import Side, moment_of
from usher.rules.nodes import Node
from usher.rules.shapes import oriented

Truths = NDArray[np.bool_]
#: Greater amounts are not always told from each other by engines, which compare them with fractions.
_EXACT = 2**52


class UnableError(Exception):
    """Something in a rule that is not worked out here."""


class Reckoner:
    """Says of which places a rule holds as of a moment.

    `answers`: by question (`rules.kept.column_of`) the numbers, of the same places for all; `kinds`: DuckDB's
    type of what they stand for.
    """

    def __init__(self, answers: Mapping[str, Numbers], kinds: Mapping[str, str], clock: Clock) -> None:
        self.answers = answers
        self.kinds = kinds
        self.clock = clock

    def holds(self, node: Node) -> Truths:
        """For a `lasting` rule; UnableError for what is not known here."""
        match node:
            case nodes.And(parts=parts):
                return reduce(np.logical_and, map(self.holds, parts))
            case nodes.Or(parts=parts):
                return reduce(np.logical_or, map(self.holds, parts))
            case nodes.Not(part=part):
                return ~self.holds(part)
            case nodes.Among(condition=condition, base=base):
                return self.holds(condition) & self.holds(base)
            case nodes.Aggregate(name="exists"):
                return self._numbers(shared(node)) > 0
            case nodes.IsSet(value=nodes.Aggregate() as value, negated=negated):
                return ~self._there(value) if negated else self._there(value)
            case (
                nodes.Within(value=nodes.Aggregate() as value)
                | nodes.Timed(value=nodes.Aggregate() as value, moment=nodes.Period())
            ):
                ends = numbers.ends_of(node, self.clock)
                found: Truths = reduce(np.logical_and, (self._timed(value, *end) for end in ends))
                return found
            case nodes.Timed(
                value=nodes.Aggregate() as value, relation=relation, moment=nodes.Literal() as moment
            ):
                return self._timed(value, ">" if relation == "after" else "<", self._written(moment))
            case nodes.Comparison():
                sign, value, bound = oriented(node)
                return self._compared(sign, value, bound)
            case nodes.Between(value=value, low=low, high=nodes.Literal(kind="number") as high):
                return self._compared(">=", value, low) & self._compared("<=", value, high)
        raise UnableError

    def _compared(self, sign: str, value: Node, bound: Node) -> Truths:
        if not isinstance(value, nodes.Aggregate) or not isinstance(bound, nodes.Literal):
            raise UnableError
        if bound.kind == "number" and not self._is_time(value):
            return self._there(value) & _beside(self._numbers(value), sign, self._units(value, bound))
        if bound.kind == "text" and sign in ("<", "<=", ">", ">=", "="):
            return self._timed(value, sign, self._written(bound))  # type: ignore[arg-type]
        raise UnableError

    def _units(self, value: nodes.Aggregate, bound: nodes.Literal) -> Decimal:
        found = Decimal(repr(bound.value)).scaleb(numbers.decimals(self.kinds[column_of(value)]))
        if abs(found) > _EXACT:
            raise UnableError
        return found

    def _timed(self, value: nodes.Aggregate, side: Side, moment: datetime) -> Truths:
        if not self._is_time(value):
            raise UnableError
        kind = self.kinds[column_of(value)]
        bound = numbers.bound(side, moment, kind, self.clock.zone)
        return self._there(value) & numbers.sided(self._numbers(value), bound)

    def _written(self, literal: nodes.Literal) -> datetime:
        if moment_of(str(literal.value)) is None:
            raise UnableError
        return self.clock.written(literal)

    def _numbers(self, value: nodes.Aggregate) -> Numbers:
        name = column_of(value)
        if name not in self.answers:
            raise UnableError
        return self.answers[name]

    def _there(self, value: nodes.Aggregate) -> Truths:
        """Where there is an answer; a count or a sum without rows is 0."""
        by, found = joins(value), self._numbers(value)
        return np.full(len(found), True) if by == "sum" else found != EMPTY[by]

    def _is_time(self, value: nodes.Aggregate) -> bool:
        return self.kinds.get(column_of(value), "").startswith(("DATE", "TIMESTAMP"))


def _beside(found: Numbers, sign: str, bound: Decimal) -> Truths:
    """Whole numbers compared with something that need not be whole."""
    low, high = (int(bound.to_integral_value(way)) for way in (ROUND_FLOOR, ROUND_CEILING))
    match sign:
        case ">":
            return found > low
        case ">=":
            return found >= high
        case "<":
            return found < high
        case "<=":
            return found <= low
    same = found == low if low == high else np.full(len(found), False)
    return ~same if sign == "!=" else same
