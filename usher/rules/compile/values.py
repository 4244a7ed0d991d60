"""Values and conditions as columns of one table: the people, or the rows of a related table.

Two-valued in the end: a comparison with a missing value is not true, and `not` of it is true. Inside, null
stands for "not true", so that only `not` and the final columns have to settle it. Two exceptions follow
Segment: `!=` is true for a missing value except among numbers, and `not contains(..)`, `not match(..)` ask
for a text that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from usher.rules import nodes
from usher.rules.clock import Clock, sided
from usher.rules.compile.links import alike
from usher.rules.errors import RuleError
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.functions.registry import TIMES, Function
from usher.rules.functions.time import has_anniversary
from usher.rules.moments import Side, instant_of, moment_of, shifted
from usher.rules.nodes import Node

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir

Members = Callable[[Literal["tag", "segment", "audience"], str], "ibis.Table"]

_TURNED: dict[str, nodes.Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


@dataclass
class Values:
    """Compiles against one table.

    `names` says in which column a name is found (itself, where it is not mentioned); `found` the same of
    parts of rules that are worked out already: aggregates, ranks. `keys` holds the keys of those for whom
    a part holds.
    """

    table: ibis.Table
    clock: Clock
    names: Mapping[str, str] = field(default_factory=dict)
    found: dict[Node, str] = field(default_factory=dict)
    keys: Mapping[Node, ir.Column] = field(default_factory=dict)
    members: Members | None = None
    key: str = ""

    def settled(self, node: Node) -> ir.Value:
        """A column for the result: a condition is never null, a value is missing where it is not known."""
        if isinstance(node, nodes.And):
            # each part by itself, so that who fails one need not be looked at for the others
            return balanced([self.sure(part) for part in node.parts], lambda left, right: left & right)
        value = self.value(node)
        asks = isinstance(node, nodes.Call) and FUNCTIONS[node.name].returns == "boolean"
        return value.fill_null(False) if asks else value

    def sure(self, node: Node) -> ir.BooleanValue:
        """True where the condition holds, else false."""
        found = self.condition(node)
        match node:
            case nodes.IsSet():
                return found
            case nodes.Not(part=part) if not isinstance(part, nodes.Call):
                return found
        return found.fill_null(False)

    def value(self, node: Node) -> Any:
        import ibis

        if node in self.keys:
            return self.is_one_of(self.keys[node]).fill_null(False)
        if not isinstance(node, nodes.Aggregate) and node in self.found:
            known = self.table[self.found[node]]
            return known.notnull() if isinstance(node, nodes.Sequence) else known
        match node:
            case nodes.Literal(value=value):
                return ibis.literal(value)
            case nodes.Path(name=name):
                return self.table[self.names.get(name, name)]
            case nodes.Call():
                return self.call(node)
            case nodes.Arithmetic():
                return self.arithmetic(node)
            case nodes.Aggregate():
                return self.aggregate(node)
            case _:
                return self.test(node).fill_null(False)

    def condition(self, node: Node) -> ir.BooleanValue:
        """True where the condition holds; false or null where it does not."""
        match node:
            case nodes.Literal() | nodes.Path() | nodes.Call() | nodes.Aggregate():
                return self.value(node)
            case _ if node in self.found or node in self.keys:
                return self.value(node)
            case _:
                return self.test(node)

    def test(self, node: Node) -> Any:
        match node:
            case nodes.And(parts=parts):
                return balanced([self.condition(part) for part in parts], lambda left, right: left & right)
            case nodes.Or(parts=parts):
                return balanced([self.condition(part) for part in parts], lambda left, right: left | right)
            case nodes.Not(part=nodes.Call() as part):
                return ~self.condition(part)
            case nodes.Not(part=part):
                return ~self.condition(part).fill_null(False)
            case nodes.Comparison(operator=operator, left=left, right=right):
                return self.comparison(operator, left, right)
            case nodes.In(value=value, choices=tuple() as choices):
                return self.is_in(value, choices)
            case nodes.Between():
                return self.between(node)
            case nodes.IsSet(value=value, negated=negated):
                return self.value(value).isnull() if negated else self.value(value).notnull()
            case nodes.Within():
                return self.within(node)
            case nodes.Timed():
                return self.timed(node)
            case nodes.Membership():
                return self.membership(node)
            case nodes.Among(condition=condition, base=base):
                return self.condition(condition) & self.condition(base)
            case nodes.Sample():
                return self.sample(node)
            case _:
                raise RuleError(f"{type(node).__name__} cannot be asked of a set of people.")

    def call(self, node: nodes.Call) -> Any:
        function = FUNCTIONS[node.name]
        if function.ibis is None:
            raise RuleError(f"{node.name} is asked of single events only.")
        arguments = [self.argument(function, number, part) for number, part in enumerate(node.arguments)]
        return function.ibis(self.clock, *arguments)

    def argument(self, function: Function, number: int, node: Node) -> Any:
        if isinstance(node, nodes.Literal):
            if number in function.literal:
                return node.value
            if function.takes[min(number, len(function.takes) - 1)] == TIMES:
                return self.moment(node)
        return self.operand(node)

    def operand(self, node: Node) -> Any:
        """A value that is calculated with: a written-out fraction is binary, as all others are."""
        import ibis

        if isinstance(node, nodes.Literal) and isinstance(node.value, float):
            return ibis.literal(repr(node.value)).cast("float64")
        return self.value(node)

    def moment(self, literal: nodes.Literal) -> ir.Value:
        moment = moment_of(str(literal.value))
        assert moment is not None
        if isinstance(moment, datetime):
            moment = instant_of(moment, self.clock.zone)
        return self.clock.dialect.literal(moment)

    def arithmetic(self, node: nodes.Arithmetic) -> Any:
        left, right = (_calculable(self.operand(side)) for side in (node.left, node.right))
        match node.operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left.cast("float64") / right.cast("float64").nullif(0)

    def aggregate(self, node: nodes.Aggregate) -> Any:
        if node.name == "exists" and node in self.found:
            return self.table[self.found[node]].notnull()
        value, empty = self.table[self.found[shared(node)]], ROW_FUNCTIONS[node.name].empty
        if node.name == "exists":
            return value.fill_null(0) > 0
        return value if empty is None else value.fill_null(empty)

    def comparison(self, operator: nodes.Operator, left: Node, right: Node) -> Any:
        if isinstance(left, nodes.Literal) and not isinstance(right, nodes.Literal):
            operator, left, right = _TURNED[operator], right, left
        value = self.value(left)
        if isinstance(right, nodes.Literal) and right.kind == "text" and value.type().is_temporal():
            moment = self.clock.written(right)
            if operator == "!=":
                return ~self.clock.compare(value, "=", moment).fill_null(False)
            return self.clock.compare(value, operator, moment)
        other = self.value(right)
        if value.type().is_temporal() and other.type().is_temporal():
            value, other = self.clock.alike(value, other)
        if operator == "!=":
            return value != other if value.type().is_numeric() else ~value.identical_to(other)
        return sided(value, operator, other)

    def between(self, node: nodes.Between) -> Any:
        low = self.comparison(">=", node.value, node.low)
        if isinstance(node.high, nodes.Literal) and node.high.kind == "text":
            return low & self.clock.until_end_of(self.value(node.value), node.high)
        return low & self.comparison("<=", node.value, node.high)

    def is_in(self, value: Node, choices: tuple[Node, ...]) -> Any:
        import ibis

        literals = [choice for choice in choices if isinstance(choice, nodes.Literal)]
        column = self.value(value)
        tests = []
        if literals and not column.type().is_temporal():
            tests.append(column.isin([literal.value for literal in literals]))
            choices = tuple(choice for choice in choices if choice not in literals)
        for choice in choices:
            null = isinstance(choice, nodes.Null)
            tests.append(column.isnull() if null else self.comparison("=", value, choice))
        return balanced(tests, lambda left, right: left | right) if tests else ibis.literal(False)

    def within(self, node: nodes.Within) -> Any:
        value, clock = self.value(node.value), self.clock
        edge = shifted(clock.now, node.period, clock.zone, 1 if node.upcoming else -1)
        first, last = (clock.now, edge) if node.upcoming else (edge, clock.now)
        if isinstance(node.value, nodes.Call) and node.value.name == "anniversary":
            days = (moment.astimezone(clock.zone).date() for moment in (first, last))
            return has_anniversary(clock, value, *days)
        return clock.compare(value, ">", first) & clock.compare(value, "<=", last)

    def timed(self, node: nodes.Timed) -> Any:
        clock = self.clock
        if isinstance(node.moment, nodes.Period):
            moment, before = shifted(clock.now, node.moment, clock.zone, -1), "<="
        else:
            moment, before = clock.written(node.moment), "<"
        side: Side = ">" if node.relation == "after" else "<" if before == "<" else "<="
        return clock.compare(self.value(node.value), side, moment)

    def membership(self, node: nodes.Membership) -> Any:
        if self.members is None:
            raise RuleError(f'{node.kind}("{node.name}") cannot be asked here: no members are known.')
        return self.is_one_of(self.members(node.kind, node.name)[self.key])

    def is_one_of(self, keys: ir.Column) -> Any:
        mine, theirs = alike(self.table[self.key], keys)
        return mine.isin(theirs)

    def sample(self, node: nodes.Sample) -> Any:
        """Of all keys the share whose digest is small: the same people every time."""
        edge = round(node.percent / 100 * 2**32)
        condition = self.condition(node.condition)
        if edge >= 2**32:
            return condition
        digest = self.clock.dialect.md5(self.table[self.key].cast("string") + f"/{node.name}")
        return condition & (digest.substr(0, 8) < f"{edge:08x}")


def shared(node: nodes.Aggregate) -> nodes.Aggregate:
    """The question whose column answers this one: `exists(t where c)` is `count(t where c) > 0`."""
    return nodes.Aggregate("count", node.table, None, node.where) if node.name == "exists" else node


def balanced(parts: list[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Joins many parts as a shallow tree: a thousand conditions must not be a thousand levels deep."""
    while len(parts) > 1:
        parts = [
            join(*parts[at : at + 2]) if at + 1 < len(parts) else parts[at] for at in range(0, len(parts), 2)
        ]
    return parts[0]


def _calculable(value: Any) -> Any:
    """Small whole numbers are widened: 200 * 200 must not overflow because a file stores bytes."""
    return value.cast("int64") if value.type().is_integer() else value.cast("float64")
