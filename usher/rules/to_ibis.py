"""Rules for sets of people: one Ibis expression for all of them, one grouped scan for each related table.

Two-valued in the end: a comparison with a missing value is not true, and `not` of it is true. Inside, null
stands for "not true", so that only `not` and the final columns have to settle it. Two exceptions follow
Segment: `!=` is true for a missing value except among numbers, and `not contains(..)`, `not match(..)` ask
for a text that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from usher.rules import nodes
from usher.rules.check import check
from usher.rules.clock import Clock, sided
from usher.rules.errors import RuleError
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.moments import Side, shifted
from usher.rules.nodes import Node
from usher.rules.schema import Schema, Table

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir

Members = Callable[[Literal["tag", "segment", "audience"], str], "ibis.Table"]


def select(
    expressions: Mapping[str, Node],
    schema: Schema,
    tables: Mapping[str, ibis.Table],
    *,
    now: datetime,
    zone: tzinfo,
    members: Members | None = None,
) -> ibis.Table:
    """The subject's key and a column per expression: a boolean, never null, for a condition; else the value.

    `tables` holds the subject and the related tables by name; the subject's keys are expected to be unique.
    `members` gives a table whose one column is named like the subject's key. Raises RuleError for a rule with
    problems, ValueError for a name that is the key's.
    """
    for name, node in expressions.items():
        if problems := check(node, schema):
            raise RuleError(f"{name}: {'; '.join(str(problem) for problem in problems)}")
    if schema.key in expressions:
        raise ValueError(f"an expression cannot be called {schema.key}: that is the key of {schema.subject}")
    clock = Clock(now, zone)
    people, found = _joined(expressions.values(), schema, tables, clock)
    compiler = _Compiler(people, clock, found, members, schema.key)
    return people.select(
        people[schema.key], **{name: compiler.settled(node) for name, node in expressions.items()}
    )


def _joined(
    expressions: Any, schema: Schema, tables: Mapping[str, ibis.Table], clock: Clock
) -> tuple[ibis.Table, dict[Node, ir.Value]]:
    """The subject with the aggregates of all expressions beside it, and which column holds which of them."""
    people = subject = tables[schema.subject]
    wanted: dict[str, dict[nodes.Aggregate, str]] = {}
    for expression in expressions:
        for node in nodes.walk(expression):
            if isinstance(node, nodes.Aggregate):
                columns = wanted.setdefault(node.table, {})
                columns.setdefault(_shared(node), f"__{list(wanted).index(node.table)}_{len(columns)}")
    for number, (table, columns) in enumerate(wanted.items()):
        grouped = _grouped(schema.tables[table], tables[table], f"__{number}", columns, clock)
        mine, theirs = _alike(subject[schema.key], grouped[f"__{number}"])
        people = people.left_join(grouped, mine == theirs)
    names = {node: column for columns in wanted.values() for node, column in columns.items()}
    return people, {node: people[column] for node, column in names.items()}


def _shared(node: nodes.Aggregate) -> nodes.Aggregate:
    """`exists(t where c)` is `count(t where c) > 0`: the two share a column."""
    return replace(node, name="count") if node.name == "exists" else node


def _grouped(
    table: Table, rows: ibis.Table, key: str, columns: Mapping[nodes.Aggregate, str], clock: Clock
) -> ibis.Table:
    if table.at:
        rows = rows.filter(clock.compare(rows[table.at], "<=", clock.now))
    compiler = _Compiler(rows, clock, {}, None, table.key)
    values = {}
    for node, column in columns.items():
        where = compiler.condition(node.where) if node.where else None
        of = rows[node.column] if node.column else None
        compiled = ROW_FUNCTIONS[node.name].ibis
        assert compiled is not None, node.name
        values[column] = compiled(rows, of, where, rows[table.at] if table.at else None)
    return rows.group_by(**{key: rows[table.key]}).aggregate(**values)


def _alike(mine: ir.Value, theirs: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Keys that differ in kind (12 and "12") are compared as text."""
    if mine.type().is_string() != theirs.type().is_string():
        return mine.cast("string"), theirs.cast("string")
    return mine, theirs


_TURNED: dict[str, nodes.Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


class _Compiler:
    """Compiles against one table: the people with their aggregates, or the rows of a related table."""

    def __init__(
        self,
        table: ibis.Table,
        clock: Clock,
        aggregates: Mapping[Node, ir.Value],
        members: Members | None,
        key: str,
    ) -> None:
        self.table = table
        self.clock = clock
        self.aggregates = aggregates
        self.members = members
        self.key = key

    def settled(self, node: Node) -> ir.Value:
        """A column for the result: conditions are never null."""
        value = self.value(node)
        if value.type().is_boolean() and isinstance(node, nodes.Path | nodes.Call | nodes.Aggregate):
            return value.fill_null(False)
        return value

    def value(self, node: Node) -> Any:
        import ibis

        match node:
            case nodes.Literal(value=value):
                return ibis.literal(value)
            case nodes.Path():
                return self.table[node.name]
            case nodes.Call(name=name, arguments=arguments):
                first, *others = arguments
                plain = [
                    part.value if isinstance(part, nodes.Literal) else self.value(part) for part in others
                ]
                compiled = FUNCTIONS[name].ibis
                assert compiled is not None, name
                return compiled(self.clock, self.value(first), *plain)
            case nodes.Aggregate():
                return self.aggregate(node)
            case _:
                return self.test(node).fill_null(False)

    def condition(self, node: Node) -> ir.BooleanValue:
        """True where the condition holds; false or null where it does not."""
        match node:
            case nodes.Literal() | nodes.Path() | nodes.Call() | nodes.Aggregate():
                return self.value(node)
            case _:
                return self.test(node)

    def test(self, node: Node) -> Any:
        match node:
            case nodes.And(parts=parts):
                return _balanced([self.condition(part) for part in parts], lambda left, right: left & right)
            case nodes.Or(parts=parts):
                return _balanced([self.condition(part) for part in parts], lambda left, right: left | right)
            case nodes.Not(part=nodes.Call() as part):
                return ~self.condition(part)
            case nodes.Not(part=part):
                return ~self.condition(part).fill_null(False)
            case nodes.Comparison(operator=operator, left=left, right=right):
                return self.comparison(operator, left, right)
            case nodes.In(value=value, choices=tuple() as choices):
                return self.is_in(value, choices)
            case nodes.IsSet(value=value, negated=negated):
                return self.value(value).isnull() if negated else self.value(value).notnull()
            case nodes.Within():
                return self.within(node)
            case nodes.Timed():
                return self.timed(node)
            case nodes.Membership():
                return self.membership(node)
            case _:
                raise RuleError(f"{type(node).__name__} cannot be asked of a set of people.")

    def aggregate(self, node: nodes.Aggregate) -> Any:
        value, empty = self.aggregates[_shared(node)], ROW_FUNCTIONS[node.name].empty
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
        if operator == "!=":
            return value != other if value.type().is_numeric() else ~value.identical_to(other)
        return sided(value, operator, other)

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
        return _balanced(tests, lambda left, right: left | right) if tests else ibis.literal(False)

    def within(self, node: nodes.Within) -> Any:
        value, clock = self.value(node.value), self.clock
        edge = shifted(clock.now, node.period, clock.zone, 1 if node.upcoming else -1)
        first, last = (clock.now, edge) if node.upcoming else (edge, clock.now)
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
        mine, theirs = _alike(self.table[self.key], self.members(node.kind, node.name)[self.key])
        return mine.isin(theirs)


def _balanced(parts: list[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Joins many parts as a shallow tree: a thousand conditions must not be a thousand levels deep."""
    while len(parts) > 1:
        parts = [
            join(*parts[at : at + 2]) if at + 1 < len(parts) else parts[at] for at in range(0, len(parts), 2)
        ]
    return parts[0]
