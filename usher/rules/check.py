"""Does a rule fit the data? Unknown names, types that cannot be compared, functions used wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from usher.rules import nodes
from usher.rules.engines import LIMITS, NAMES, Engine
from usher.rules.errors import Problem
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.functions.registry import ANY, TIMES, Function
from usher.rules.moments import moment_of
from usher.rules.nearest import Scope, nearest, of_table, unknown_function, unknown_member, unknown_name
from usher.rules.never import never
from usher.rules.nodes import Node
from usher.rules.schema import Schema, Table, Type
from usher.rules.slips import ANNIVERSARY, asked

A: dict[Type, str] = {
    "text": "a text",
    "number": "a number",
    "date": "a date",
    "instant": "a time",
    "boolean": "true or false",
}
_ORDERED = ("number", *TIMES)
_DOES = {"+": "adds up", "-": "subtracts", "*": "multiplies", "/": "divides"}
_FIXED = ("minute", "hour", "day", "week")
_IS_NULL = "ask with `is set` or `is not set`"


def check(node: Node, schema: Schema, *, condition: bool = False, engine: Engine = "duckdb") -> list[Problem]:
    """All problems of a rule, in the order of its text; none means that it can be compiled for the engine.

    With `condition`, the whole has to be true or false; without, a computed field such as `count(orders)`
    will do.
    """
    checker = _Checker(schema, engine)
    if condition:
        checker.condition(node)
    else:
        checker.value(node)
    return sorted(dict.fromkeys(checker.problems), key=lambda problem: problem.start)


def type_of(node: Node, schema: Schema) -> Type:
    """The type of a rule: "boolean" for a condition. Raises ValueError where `check` finds problems."""
    checker = _Checker(schema, "duckdb")
    found = checker.value(node)
    if found is None or checker.problems:
        raise ValueError("; ".join(str(problem) for problem in checker.problems))
    return found


class _Checker:
    def __init__(self, schema: Schema, engine: Engine) -> None:
        self.schema = schema
        self.engine: Engine = engine
        self.problems: list[Problem] = []
        self.scope = Scope(schema)

    def problem(self, node: Node, message: str, suggestion: str | None = None) -> None:
        self.problems.append(Problem(message, node.start, node.end, suggestion))

    def limited(self, node: Node, name: str) -> None:
        """Reports what the engine cannot answer."""
        if why := LIMITS[self.engine].get(name):
            self.problem(node, f"{NAMES[self.engine]} cannot answer {asked(node)}: {why}.")

    def condition(self, node: Node) -> None:
        """Checks a node that has to be true or false."""
        found = self.value(node)
        if found is not None and found != "boolean":
            advice = ": compare it, for example with = or >, or ask `is set`"
            advice = "" if isinstance(node, nodes.Literal) else advice
            self.problem(node, f"This is {A[found]}, not a condition{advice}.")

    def value(self, node: Node) -> Type | None:
        """The type of a node; None after a problem that leaves it unknown."""
        match node:
            case nodes.Literal(kind=kind):
                return kind
            case nodes.Null():
                self.problem(node, f"null is a missing value, and nothing can be done with it: {_IS_NULL}.")
                return None
            case nodes.Path():
                return self.path(node)
            case nodes.Call():
                return self.call(node)
            case nodes.Arithmetic():
                return self.arithmetic(node)
            case nodes.Aggregate():
                return self.aggregate(node)
            case _:
                self.test(node)
                return "boolean"

    def test(self, node: Node) -> None:
        before = len(self.problems)
        self.tested(node)
        if len(self.problems) == before:
            self.never(node)

    def never(self, node: Node) -> None:
        for part, wrong in never(node, self.scope.table, self.schema.tables):
            self.problem(part, *wrong)

    def tested(self, node: Node) -> None:
        match node:
            case nodes.And(parts=parts) | nodes.Or(parts=parts):
                for part in parts:
                    self.condition(part)
            case nodes.Not(part=part):
                self.condition(part)
            case nodes.Comparison():
                self.comparison(node)
            case nodes.Between():
                self.between(node)
            case nodes.In():
                self.is_in(node)
            case nodes.IsSet(value=value):
                self.value(value)
            case nodes.Within(value=nodes.Call(name="anniversary") as value):
                self.arguments(value, FUNCTIONS[value.name])
            case nodes.Within(value=value):
                self.time(value)
            case nodes.Timed(value=value, moment=moment):
                self.time(value)
                if isinstance(moment, nodes.Literal):
                    self.dated(moment)
            case nodes.Membership():
                self.membership(node)
            case nodes.Sequence() | nodes.Among() | nodes.Sample() | nodes.Top():
                self.of_people(node)
            case _:
                self.problem(node, "This cannot stand alone in a rule.")

    def of_people(self, node: Node) -> None:
        """What looks at people, and not at the rows of a table."""
        if self.scope.table:
            self.problem(node, f"{asked(node)} asks about {self.schema.subject}: put it outside of `where`.")
            return
        self.limited(node, asked(node).strip("`"))
        match node:
            case nodes.Sequence():
                self.sequence(node)
            case nodes.Among(condition=condition, base=base):
                self.condition(condition)
                self.condition(base)
            case nodes.Sample(condition=condition):
                self.condition(condition)
            case nodes.Top(condition=condition, by=by):
                self.condition(condition)
                found = self.value(by)
                if found is not None and found not in _ORDERED:
                    self.problem(by, f"`top` needs a number or a time behind `by`, and this is {A[found]}.")

    # names and values

    def path(self, node: nodes.Path) -> Type | None:
        found = self.scope.resolve(node.name)
        if found is None:
            self.problem(node, *unknown_name(node, self.scope))
            return None
        if found.links:
            self.limited(node, "links")
        return found.type

    def call(self, node: nodes.Call) -> Type | None:
        function = FUNCTIONS.get(node.name)
        if function is None:
            self.problem(node, *unknown_function(node.name, self.scope))
            return None
        if function.ibis is None:
            self.problem(node, f"{node.name}(…) is asked of single events only.")
        elif node.name == "anniversary":
            self.problem(node, ANNIVERSARY)
            return None
        elif function.of_all and self.scope.table:
            self.problem(node, f"{asked(node)} compares {self.schema.subject}: put it outside of `where`.")
        else:
            return self.arguments(node, function)
        return None if function.returns == "same" else function.returns

    def arguments(self, node: nodes.Call, function: Function) -> Type | None:
        self.limited(node, node.name)
        returns: Type | None = None if function.returns == "same" else function.returns
        if message := function.wrong_count(len(node.arguments)):
            self.problem(node, f"{message[:-1]}{self.scope.example_of(function)}.")
            return returns
        found = [self.argument(function, number, part) for number, part in enumerate(node.arguments)]
        self.never(node)
        if function.returns != "same":
            return returns
        return self.alike(
            node, [kind for number, kind in enumerate(found) if function.takes_at(number) == ANY]
        )

    def argument(self, function: Function, number: int, node: Node) -> Type | None:
        wanted = function.takes_at(number)
        if isinstance(node, nodes.Null):
            self.problem(node, f"{function.name} of null is always missing: name a column here.")
            return None
        if isinstance(node, nodes.Literal) and node.kind == "text" and wanted == TIMES:
            self.dated(node)
            return None
        found = self.value(node)
        if found is not None and found not in wanted:
            named = " or ".join(self.scope.such_as(kind, A[kind]) for kind in wanted)
            self.problem(node, f"{function.name} takes {named} here, and this is {A[found]}.")
        elif number in function.literal:
            self.written_out(function, wanted, node)
        return found

    def written_out(self, function: Function, wanted: tuple[Type, ...], node: Node) -> None:
        what = "its pattern written out in quotes" if "text" in wanted else "a number written out here"
        if not isinstance(node, nodes.Literal):
            self.problem(node, f"{function.name} needs {what}.")
        elif message := function.wrong(node.value):
            self.problem(node, message)

    def alike(self, node: nodes.Call, kinds: list[Type | None]) -> Type | None:
        """The one kind of values that may be of any kind, but all of the same."""
        known = list(dict.fromkeys(kind for kind in kinds if kind is not None))
        if len(known) > 1:
            both = f"{A[known[0]]} and {A[known[1]]}"
            self.problem(node, f"{node.name} takes values of one kind, and these are {both}.")
        return known[0] if len(known) == 1 and None not in kinds else None

    def arithmetic(self, node: nodes.Arithmetic) -> Type:
        for side in (node.left, node.right):
            found = self.value(side)
            if found is not None and found != "number":
                advice = {
                    "text": " Texts are put together by concat(…)." if node.operator == "+" else "",
                    "date": " Times are counted by days_between(…), days_since(…) and days_until(…).",
                }
                hint = advice.get("date" if found in TIMES else found, "")
                self.problem(
                    side, f"{node.operator} {_DOES[node.operator]} numbers, and this is {A[found]}.{hint}"
                )
        return "number"

    # related rows

    @contextmanager
    def rows_of(self, table: Table) -> Iterator[None]:
        """Inside `where`: bare names are columns of the table."""
        outer, self.scope = self.scope, Scope(self.schema, table)
        yield
        self.scope = outer

    def table(self, node: Node, name: str, asking: str) -> Table | None:
        """The related table of that name; None after a problem."""
        table = self.schema.tables.get(name)
        if table is None:
            self.problem(node, *of_table(name, asking, self.schema))
        return table

    def aggregate(self, node: nodes.Aggregate) -> Type | None:
        function = ROW_FUNCTIONS[node.name]
        if self.scope.table:
            self.problem(node, f"{node.name}(…) cannot stand inside another `where`.")
            return None
        self.limited(node, node.name)
        table = self.table(node, node.table, node.name)
        if table is None:
            return function.returns
        if node.where:
            with self.rows_of(table):
                self.condition(node.where)
        if function.needs_time and table.at is None:
            self.problem(
                node, f"{node.name} needs to know the order of rows, and {table.name} names no time column."
            )
        if function.of_column:
            return self.column(node, table)
        if node.column:
            self.problem(node, f"{node.name} looks at rows: write {node.name}({node.table}).")
        return function.returns

    def column(self, node: nodes.Aggregate, table: Table) -> Type | None:
        function, rows = ROW_FUNCTIONS[node.name], Scope(self.schema, table)
        if node.column is None:
            example = rows.column_of(function.takes) or "column"
            self.problem(node, f"{node.name} takes a column: write {node.name}({table.name}.{example}).")
            return function.returns
        found = rows.resolve(node.column)
        if found is None:
            named = nodes.Path(tuple(node.column.split(".")), start=node.start, end=node.end)
            self.problem(node, *unknown_name(named, rows))
            return function.returns
        if found.links:
            self.limited(node, "links")
        if found.type not in function.takes:
            what = f"{node.table}.{node.column}, which is {A[found.type]}"
            self.problem(node, f"{node.name} does not work on {what}.")
        return function.returns or found.type

    def sequence(self, node: nodes.Sequence) -> None:
        kinds: dict[str | None, str] = {}
        for step in node.steps:
            table = self.table(step, step.table, "did")
            if table is None:
                continue
            if table.at is None:
                self.problem(step, f"`did` needs to know when, and {table.name} names no time column.")
            else:
                kinds.setdefault(table.columns.get(table.at), table.name)
            if step.where:
                with self.rows_of(table):
                    self.condition(step.where)
            if step.within and step.within.unit not in _FIXED:
                unit, count = step.within.unit, max(step.within.count, 1)
                example = f"{count * (30 if unit == 'month' else 365)} days"
                message = f"A {unit} is not always of one length: say it in days here, such as {example}."
                self.problem(step.within, message)
        if {"date", "instant"} <= set(kinds):
            known = f"{kinds['date']} knows days and {kinds['instant']} knows times"
            self.problem(node, f"{known}: which came first cannot be told.")

    # comparisons

    def comparison(self, node: nodes.Comparison) -> None:
        left, right = node.left, node.right
        if nulls := [side for side in (left, right) if isinstance(side, nodes.Null)]:
            self.problem(nulls[0], f"Nothing is {node.operator} null: {_IS_NULL}.")
            return
        self.compared(node, node.operator, left, self.side(left, right), right, self.side(right, left))

    def side(self, node: Node, other: Node) -> Type | None:
        """The type of one side; a name that does not exist may be a text that lacks its quotes."""
        if isinstance(node, nodes.Path) and len(node.steps) == 1 and not self.scope.resolve(node.name):
            text = isinstance(other, nodes.Path) and self.scope.resolve(other.name)
            close = nearest(node.name, self.scope.columns, 0.8)
            if text and text.type == "text" and not close:
                self.problem(node, f"There is no column {node.name}.", f'the text "{node.name}"')
                return None
        return self.value(node)

    def compared(
        self, node: Node, operator: str, left: Node, one: Type | None, right: Node, other: Type | None
    ) -> None:
        """Reports two types that do not compare."""
        if one is None or other is None:
            return
        for written, found in ((left, other), (right, one)):
            if found in TIMES and isinstance(written, nodes.Literal) and written.kind == "text":
                self.dated(written)
                return
        if one != other:
            what = "" if {one, other} == set(TIMES) else ": they are never equal"
            hint = _quoted(left, right, one, other)
            self.problem(node, f"This compares {A[one]} with {A[other]}{what}.{hint}")
        elif operator not in ("=", "!=") and one not in _ORDERED:
            self.problem(node, f"{operator} compares numbers or times, and this is {A[one]}.")

    def between(self, node: nodes.Between) -> None:
        if nulls := [side for side in (node.value, node.low, node.high) if isinstance(side, nodes.Null)]:
            self.problem(nulls[0], f"Nothing is between null and anything: {_IS_NULL}.")
            return
        found = self.value(node.value)
        bounds = [(bound, self.value(bound)) for bound in (node.low, node.high)]
        if found is not None and found not in _ORDERED:
            self.problem(node, f"`between` compares numbers or times, and this is {A[found]}.")
            return
        for bound, kind in bounds:
            if found not in TIMES or kind not in TIMES:  # a date is its midnight
                self.compared(bound, "<=", node.value, found, bound, kind)
        if found is not None and _turned(node.low, node.high):
            self.problem(node, "Nothing is between these two: the lesser comes first.")

    def is_in(self, node: nodes.In) -> None:
        if isinstance(node.choices, nodes.Path):
            self.value(node.value)
            if self.value(node.choices) is not None:
                self.problem(
                    node.choices,
                    f"{node.choices.name} is one value, not a list: write a list such as [1, 2].",
                )
            return
        found = self.value(node.value)
        for choice in node.choices:
            if not isinstance(choice, nodes.Null):
                kind = self.side(choice, node.value)
                self.compared(choice, "=", node.value, found, choice, kind)

    def time(self, node: Node) -> None:
        if isinstance(node, nodes.Literal) and node.kind == "text":
            self.dated(node)
            return
        found = self.value(node)
        if found is not None and found not in TIMES:
            example = self.scope.column_of(TIMES)
            such = f" such as {example}" if example else ""
            self.problem(node, f"A date or a time{such} is needed here, and this is {A[found]}.")

    def dated(self, node: nodes.Literal) -> None:
        if moment_of(str(node.value)) is None:
            self.problem(
                node,
                f'"{node.value}" is not a date such as "2024-05-31" or a time such as "2024-05-31T18:00Z".',
            )

    def membership(self, node: nodes.Membership) -> None:
        if self.scope.table:
            where = "put it outside of `where`"
            self.problem(node, f"{node.kind}(…) asks about one of the {self.schema.subject}: {where}.")
        elif wrong := unknown_member(node, self.schema):
            self.problem(node, *wrong)


def _turned(low: Node, high: Node) -> bool:
    """Two written-out bounds of which the greater comes first."""
    if not (isinstance(low, nodes.Literal) and isinstance(high, nodes.Literal)) or low.kind != high.kind:
        return False
    if low.kind == "number":
        return float(low.value) > float(high.value)
    one, other = moment_of(str(low.value)), moment_of(str(high.value))
    return type(one) is type(other) and str(low.value)[:10] > str(high.value)[:10]


def _quoted(left: Node, right: Node, one: Type, other: Type) -> str:
    """A hint for `n = "5"`."""
    literals = [node for node in (left, right) if isinstance(node, nodes.Literal)]
    if literals and {one, other} == {"text", "number"}:
        without = literals[0].kind == "text"
        return " Write the number without quotes." if without else " Write the text in quotes."
    if "boolean" in (one, other) and literals:
        return " Write true or false, without quotes."
    if "number" in (one, other) and (one in TIMES or other in TIMES):
        return ' Write a date in quotes: "2024-05-31".'
    return ""
