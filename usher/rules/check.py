"""Does a rule fit the data? Unknown names, types that cannot be compared, functions used wrongly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from usher.rules import nodes
from usher.rules.errors import Problem
from usher.rules.functions import FUNCTIONS, PLANNED, ROW_FUNCTIONS
from usher.rules.moments import moment_of
from usher.rules.nodes import Node
from usher.rules.schema import Schema, Table, Type

_A = {
    "text": "a text",
    "number": "a number",
    "date": "a date",
    "instant": "a time",
    "boolean": "true or false",
}
_TIMES = ("date", "instant")
_ORDERED = ("number", *_TIMES)


def check(node: Node, schema: Schema, *, condition: bool = False) -> list[Problem]:
    """All problems of a rule, in the order of its text; none means that it can be compiled.

    With `condition`, the whole has to be true or false; without, a computed field such as `count(orders)`
    will do.
    """
    checker = _Checker(schema)
    if condition:
        checker.condition(node)
    else:
        checker.value(node)
    return sorted(checker.problems, key=lambda problem: problem.start)


def type_of(node: Node, schema: Schema) -> Type:
    """The type of a rule: "boolean" for a condition. Raises ValueError where `check` finds problems."""
    checker = _Checker(schema)
    found = checker.value(node)
    if found is None or checker.problems:
        raise ValueError("; ".join(str(problem) for problem in checker.problems))
    return found


@dataclass
class _Names:
    """Whose columns bare names are."""

    columns: dict[str, Type]
    of: str
    related: bool = False


class _Checker:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.problems: list[Problem] = []
        self.names = _Names(dict(schema.columns), schema.subject)

    def problem(self, node: Node, message: str, suggestion: str | None = None) -> None:
        self.problems.append(Problem(message, node.start, node.end, suggestion))

    def unknown(self, node: Node, what: str, name: str, known: Iterable[str]) -> None:
        """Reports a name that does not exist, with the nearest that does."""
        by_folded = {other.casefold(): other for other in sorted(known)}
        near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
        self.problem(node, f"There is no {what} {name}.", by_folded[near[0]] if near else None)

    def condition(self, node: Node) -> None:
        """Checks a node that has to be true or false."""
        found = self.value(node)
        if found is not None and found != "boolean":
            hint = (
                ""
                if isinstance(node, nodes.Literal)
                else ": compare it, for example with = or >, or ask `is set`"
            )
            self.problem(node, f"This is {_A[found]}, not a condition{hint}.")

    def value(self, node: Node) -> Type | None:
        """The type of a node; None after a problem that leaves it unknown."""
        match node:
            case nodes.Literal(kind=kind):
                return kind
            case nodes.Path():
                return self.path(node)
            case nodes.Call():
                return self.call(node)
            case nodes.Aggregate():
                return self.aggregate(node)
            case _:
                self.test(node)
                return "boolean"

    def test(self, node: Node) -> None:
        match node:
            case nodes.And(parts=parts) | nodes.Or(parts=parts):
                for part in parts:
                    self.condition(part)
            case nodes.Not(part=part):
                self.condition(part)
            case nodes.Comparison():
                self.comparison(node, node.operator, node.left, node.right)
            case nodes.In():
                self.is_in(node)
            case nodes.IsSet(value=value):
                self.value(value)
            case nodes.Within(value=value):
                self.time(value)
            case nodes.Timed(value=value, moment=moment):
                self.time(value)
                if isinstance(moment, nodes.Literal):
                    self.dated(moment)
            case nodes.Membership():
                self.membership(node)
            case _:
                self.problem(node, "This cannot stand alone in a rule.")

    def path(self, node: nodes.Path) -> Type | None:
        if node.name in self.names.columns:
            return self.names.columns[node.name]
        table = self.schema.tables.get(node.steps[0])
        if table and not self.names.related:
            column = ".".join(node.steps[1:])
            self.problem(
                node,
                f"{table.name} has many rows for one of the {self.schema.subject}: say which value is meant,"
                f" for example {f'last({table.name}.{column})' if column else f'count({table.name})'}.",
            )
        else:
            self.unknown(node, f"column in {self.names.of} called", node.name, self.names.columns)
        return None

    def call(self, node: nodes.Call) -> Type | None:
        function = FUNCTIONS.get(node.name)
        if function is None:
            if node.name in PLANNED:
                self.problem(node, f"The function {node.name} is not supported yet.")
            else:
                self.unknown(
                    node, "function called", node.name, [*FUNCTIONS, *ROW_FUNCTIONS, "tag", "audience"]
                )
            return None
        returns: Type | None = None if function.returns == "same" else function.returns
        if function.ibis is None:
            self.problem(node, f"{node.name}(…) is asked of single events only.")
            return returns
        if not (
            len(node.arguments) >= len(function.takes)
            if function.repeats
            else len(node.arguments) == len(function.takes)
        ):
            self.problem(
                node, f"{node.name} takes {len(function.takes)} value(s), not {len(node.arguments)}."
            )
            return returns
        for number, (argument, wanted) in enumerate(
            zip(node.arguments, (*function.takes, *[function.takes[-1]] * 99), strict=False)
        ):
            found = self.value(argument)
            if found is not None and found not in wanted:
                named = " or ".join(_A[kind] for kind in wanted)
                self.problem(argument, f"{node.name} takes {named} here, and this is {_A[found]}.")
            elif number in function.literal:
                self.written_out(node.name, argument, function.wrong)
        return returns

    def written_out(self, name: str, argument: Node, wrong: object) -> None:
        if not isinstance(argument, nodes.Literal):
            self.problem(argument, f"{name} needs its pattern written out in quotes.")
        elif callable(wrong) and (message := wrong(argument.value)):
            self.problem(argument, message)

    def aggregate(self, node: nodes.Aggregate) -> Type | None:
        function, table = ROW_FUNCTIONS[node.name], self.schema.tables.get(node.table)
        if self.names.related:
            self.problem(node, f"{node.name}(…) cannot stand inside another `where`.")
            return None
        if table is None:
            if node.table == self.schema.subject:
                self.problem(
                    node, f"{node.table} is what the rule is about; {node.name} takes a related table."
                )
            else:
                self.unknown(node, "related table called", node.table, self.schema.tables)
            return function.returns
        self.filtered(node, table)
        if function.needs_time and table.at is None:
            self.problem(
                node, f"{node.name} needs to know the order of rows, and {table.name} names no time column."
            )
        if not function.of_column:
            if node.column:
                self.problem(node, f"{node.name} counts rows: write {node.name}({node.table}).")
            return function.returns
        return self.column(node, table)

    def filtered(self, node: nodes.Aggregate, table: Table) -> None:
        if node.where is None:
            return
        outer, self.names = self.names, _Names(dict(table.columns), table.name, related=True)
        self.condition(node.where)
        self.names = outer

    def column(self, node: nodes.Aggregate, table: Table) -> Type | None:
        function = ROW_FUNCTIONS[node.name]
        if node.column is None:
            fitting = [name for name, kind in table.columns.items() if kind in function.takes]
            example = fitting[0] if fitting else "column"
            self.problem(node, f"{node.name} takes a column: write {node.name}({table.name}.{example}).")
            return function.returns
        found = table.columns.get(node.column)
        if found is None:
            self.unknown(node, f"column in {table.name} called", node.column, table.columns)
        elif found not in function.takes:
            self.problem(
                node, f"{node.name} does not work on {node.table}.{node.column}, which is {_A[found]}."
            )
        return function.returns or found

    def comparison(self, node: Node, operator: str, left: Node, right: Node) -> None:
        one, other = self.value(left), self.value(right)
        if one is None or other is None:
            return
        for written, found in ((left, other), (right, one)):
            if found in _TIMES and isinstance(written, nodes.Literal) and written.kind == "text":
                self.dated(written)
                return
        if one != other:
            what = "" if {one, other} == set(_TIMES) else ": they are never equal"
            self.problem(
                node, f"This compares {_A[one]} with {_A[other]}{what}.{_quoted(left, right, one, other)}"
            )
        elif operator not in ("=", "!=") and one not in _ORDERED:
            self.problem(node, f"{operator} compares numbers or times, and this is {_A[one]}.")

    def is_in(self, node: nodes.In) -> None:
        if isinstance(node.choices, nodes.Path):
            if self.value(node.choices) is not None:
                self.problem(
                    node.choices,
                    f"{node.choices.name} is one value, not a list: write a list such as [1, 2].",
                )
            return
        for choice in node.choices:
            if not isinstance(choice, nodes.Null):
                self.comparison(choice, "=", node.value, choice)
        if not node.choices:
            self.value(node.value)

    def time(self, node: Node) -> None:
        found = self.value(node)
        if found is not None and found not in _TIMES:
            self.problem(node, f"A time is needed here, and this is {_A[found]}.")

    def dated(self, node: nodes.Literal) -> None:
        if moment_of(cast(str, node.value)) is None:
            self.problem(
                node,
                f'"{node.value}" is not a date such as "2024-05-31" or a time such as "2024-05-31T18:00Z".',
            )

    def membership(self, node: nodes.Membership) -> None:
        if self.names.related:
            self.problem(
                node,
                f"{node.kind}(…) asks about one of the {self.schema.subject}: put it outside of `where`.",
            )
            return
        known = {
            "tag": self.schema.tags,
            "segment": self.schema.segments,
            "audience": self.schema.audiences,
        }[node.kind]
        if node.name not in known:
            self.unknown(node, f"{node.kind} called", node.name, known)


def _quoted(left: Node, right: Node, one: Type, other: Type) -> str:
    """A hint for `n = "5"`."""
    literals = [node for node in (left, right) if isinstance(node, nodes.Literal)]
    if literals and {one, other} == {"text", "number"}:
        return (
            " Write the number without quotes."
            if literals[0].kind == "text"
            else " Write the text in quotes."
        )
    return ""
