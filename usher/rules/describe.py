"""A rule as an English sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from usher.rules import english, nodes
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.nodes import Node
from usher.rules.schema import Schema

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def describe(node: Node, schema: Schema) -> str:
    """A sentence: "Customers who have ordered at least once." or "The number of their orders."."""
    words = _Words(schema)
    if isinstance(node, nodes.Literal) and node.kind == "boolean":
        return f"{'All' if node.value else 'None of the'} {english.readable(schema.subject)}."
    if words.is_value(node):
        return _capital(words.field(node)) + "."
    return f"{_capital(english.readable(schema.subject))} {words.clause(node).text}."


def clause_phrase(node: Node, schema: Schema) -> str:
    """A condition as it stands in the sentence: "who have ordered at least once"."""
    return _Words(schema).clause(node).text


def as_test(node: Node, schema: Schema, *, negated: bool = False) -> str:
    """A condition on one value, or its opposite: "country is not “GB”"."""
    return _Words(schema).test(node, negated)


def details_phrase(node: Node | None, schema: Schema, table: str) -> str:
    """What `where` says of the rows, after a blank: " in the last 180 days"; empty without `where`."""
    return _Words(schema).details(node, table)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class _Clause:
    """`who` or `whose` and what follows."""

    lead: str
    rest: str

    @property
    def text(self) -> str:
        return f"{self.lead} {self.rest}".strip()


class _Words:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def is_value(self, node: Node) -> bool:
        """Not a condition: a computed field, or one side of a comparison."""
        match node:
            case nodes.Literal(kind=kind):
                return kind != "boolean"
            case nodes.Path():
                return not self.is_boolean(node)
            case nodes.Call(name=name):
                return name not in FUNCTIONS or FUNCTIONS[name].returns != "boolean"
            case nodes.Aggregate(name=name):
                return name != "exists"
            case _:
                return False

    def is_boolean(self, node: Node) -> bool:
        return isinstance(node, nodes.Path) and self.schema.columns.get(node.name) == "boolean"

    def field(self, node: Node) -> str:
        """A value that stands alone."""
        words = self.value(node)
        if isinstance(node, nodes.Aggregate) and node.name == "sum":
            return f"the sum of {words}"
        if words.startswith(("the first ", "the last ")):
            return f"when their {words.removeprefix('the ')} was"
        return words

    # conditions of the subject

    def clause(self, node: Node, negated: bool = False) -> _Clause:
        match node:
            case nodes.Not(part=part):
                return self.clause(part, not negated)
            case nodes.And(parts=parts):
                return self.joined(parts, negated, "or" if negated else "and")
            case nodes.Or(parts=parts):
                return self.joined(parts, negated, "and" if negated else "or")
            case nodes.Membership(kind="tag", name=name):
                return _Clause("who", f"are {'not ' * negated}tagged {english.quoted(name)}")
            case nodes.Membership(kind="segment", name=name):
                return _Clause("who", f"are {'not ' * negated}in the segment {english.quoted(name)}")
            case nodes.Membership(name=name):
                return _Clause("who", f"are {'not ' * negated}in the audience {english.quoted(name)}")
            case nodes.Aggregate(name="exists"):
                return self.times(node, "=" if negated else ">=", 0 if negated else 1)
            case nodes.Comparison(operator=sign, left=nodes.Aggregate(name="count") as rows, right=right):
                if isinstance(right, nodes.Literal) and isinstance(right.value, int):
                    asked = _negated_sign(sign) if negated else sign
                    return self.times(rows, *_plain_count(asked, right.value))
            case nodes.Comparison(
                operator="=" | "!=" as sign, left=left, right=nodes.Literal(kind="boolean") as right
            ):
                if not self.is_value(left):
                    return self.clause(left, negated ^ (sign == "!=") ^ (not right.value))
            case nodes.Comparison(
                operator=sign, left=nodes.Literal() as left, right=nodes.Aggregate() as right
            ):
                return self.clause(nodes.Comparison(_TURNED[sign], right, left), negated)  # type: ignore[arg-type]
        return _whose(self.test(node, negated))

    def joined(self, parts: Sequence[Node], negated: bool, word: str) -> _Clause:
        clauses: list[str] = []
        previous = ""
        last_rows: nodes.Aggregate | None = None
        for part in parts:
            rows, absent = _rows_of(part)
            again = (
                rows
                and last_rows
                and absent
                and word == "and"
                and not negated
                and self.again(rows, last_rows)
            )
            inner = self.clause(part, negated)
            if again:
                clauses.append(again)
            elif _is_group(part):
                clauses.append(f"({inner.text})")
                previous = ""
            else:
                clauses.append(inner.rest if inner.lead == previous else inner.text)
                previous = inner.lead
            last_rows = rows if rows and not absent else None
        if any(clause.startswith("not ") for clause in clauses) and len(clauses) == 2:
            return _Clause("", f"{clauses[0]}, and {clauses[1]}")
        if len(clauses) > 2 or any("," in clause and not clause.endswith(")") for clause in clauses):
            return _Clause("", f"{', '.join(clauses[:-1])}, {word} {clauses[-1]}")
        return _Clause("", f" {word} ".join(clauses))

    def again(self, rows: nodes.Aggregate, before: nodes.Aggregate) -> str | None:
        """`…, and not in the last 180 days` after `who have ordered at least once`."""
        windows = isinstance(rows.where, nodes.Within | nodes.Timed)
        if rows.table == before.table and before.where is None and windows:
            return "not" + self.details(rows.where, rows.table)
        return None

    def times(self, node: nodes.Aggregate, sign: str, count: int) -> _Clause:
        """How often there is a row: `have ordered at least once in the last 6 months`."""
        table = english.table_of(node.table, self.schema)
        details, verb = self.details(node.where, node.table), english.verb(table)
        never = sign == "=" and count == 0
        once = sign == ">=" and count == 1
        if verb is None:
            noun = english.noun(table) if count == 1 else english.plural(table)
            amount = "no" if never else f"{english.AMOUNTS[sign]} {'one' if count == 1 else f'{count:,}'}"
            return _Clause("who", f"have {amount} {english.plural(table) if never else noun}{details}")
        if never:
            return _Clause("who", f"have not {verb}{details}" if details else f"have never {verb}")
        if once and details:
            return _Clause("who", f"have {verb}{details}")
        return _Clause("who", f"have {verb} {english.often(sign, count)}{details}")

    def details(self, node: Node | None, table: str) -> str:
        if node is None:
            return ""
        at = english.table_of(table, self.schema).at
        parts = node.parts if isinstance(node, nodes.And) else (node,)
        withs, tests, windows = [], [], []
        for part in parts:
            if isinstance(part, nodes.Within | nodes.Timed) and part.value == nodes.Path((at or "",)):
                windows.append(self.window(part))
            elif _is_equality(part):
                withs.append(self.with_value(part))
            else:
                tests.append(self.inner(part))
        words = [f"with {english.listed(withs)}"] if withs else []
        words += [f"where {english.listed(tests)}"] if tests else []
        return "".join(f" {word}" for word in [*words, *windows])

    def with_value(self, node: Node) -> str:
        assert isinstance(node, nodes.Comparison)
        return f"{self.value(node.left)} {self.value(node.right)}"

    def inner(self, node: Node, negated: bool = False) -> str:
        """A condition of a row, without `whose`."""
        match node:
            case nodes.Not(part=part):
                return self.inner(part, not negated)
            case nodes.And(parts=parts) | nodes.Or(parts=parts):
                word = "and" if isinstance(node, nodes.And) is not negated else "or"
                return f"({f' {word} '.join(self.inner(part, negated) for part in parts)})"
            case _:
                return self.test(node, negated)

    # tests of one value

    def test(self, node: Node, negated: bool) -> str:
        no = "not " * negated
        match node:
            case nodes.Comparison():
                return self.comparison(node, negated)
            case nodes.In(value=value, choices=nodes.Path() as path):
                return f"{self.value(value)} is {no}one of {self.value(path)}"
            case nodes.In(value=value, choices=tuple() as choices):
                words = [self.value(choice) for choice in choices]
                return f"{self.value(value)} is {no}{english.listed(words, 'or') or 'any of nothing'}"
            case nodes.IsSet(value=value, negated=missing):
                return f"{self.value(value)} is {'not known' if missing is not negated else 'known'}"
            case nodes.Within(value=value, upcoming=upcoming):
                return f"{self.value(value)} {'is' if upcoming else 'was'} {no}{self.window(node)}"
            case nodes.Timed(value=value):
                return f"{self.value(value)} was {no}{self.window(node)}"
            case nodes.Call(name=name, arguments=arguments) if not self.is_value(node):
                return FUNCTIONS[name].phrase(*(self.value(part) for part in arguments), negated)
            case nodes.Path() | nodes.Call() | nodes.Literal():
                return f"{self.value(node)} is {no}true"
            case _:
                return f"({self.clause(node, negated).text})"

    def comparison(self, node: nodes.Comparison, negated: bool) -> str:
        sign, left, right = node.operator, node.left, node.right
        if isinstance(left, nodes.Literal) and not isinstance(right, nodes.Literal):
            sign, left, right = _TURNED[sign], right, left  # type: ignore[assignment]
        if self.is_time(left) and isinstance(right, nodes.Literal):
            words = english.TIME_COMPARISONS[sign]
            said = english.moment(str(right.value))
        else:
            words = english.COMPARISONS[sign]
            said = self.value(right)
            if isinstance(left, nodes.Aggregate) and left.name == "sum":
                words = words.replace("is", "adds up to", 1)
        if negated:
            words = words.replace(" not", "", 1) if " not" in words else _refused(words)
        return f"{self.value(left)} {words} {said}"

    def is_time(self, node: Node) -> bool:
        if isinstance(node, nodes.Path):
            return self.schema.columns.get(node.name) in ("date", "instant")
        if isinstance(node, nodes.Aggregate) and node.column:
            return english.table_of(node.table, self.schema).columns.get(node.column) in ("date", "instant")
        return False

    def window(self, node: nodes.Within | nodes.Timed) -> str:
        if isinstance(node, nodes.Within):
            return f"in the {'next' if node.upcoming else 'last'} {english.period(node.period)}"
        if isinstance(node.moment, nodes.Period):
            far = "at least" if node.relation == "before" else "less than"
            return f"{far} {english.length(node.moment)} ago"
        return f"{node.relation} {english.moment(str(node.moment.value))}"

    # values

    def value(self, node: Node) -> str:
        match node:
            case nodes.Literal():
                return english.written(node)
            case nodes.Null():
                return "not known"
            case nodes.Path(name=name):
                words = english.readable(name)
                return english.quoted(words) if self.is_boolean(node) else words
            case nodes.Call(name=name, arguments=arguments) if name in FUNCTIONS:
                said = [self.value(argument) for argument in arguments]
                function = FUNCTIONS[name]
                return function.phrase(*said) if self.is_value(node) else f"({function.phrase(*said, False)})"
            case nodes.Call(name=name, arguments=arguments):
                return f"{name} of {english.listed([self.value(argument) for argument in arguments])}"
            case nodes.Aggregate():
                return self.rows_value(node)
            case nodes.Period():
                return english.length(node)
            case _:
                return f"whether they are people {self.clause(node).text}"

    def rows_value(self, node: nodes.Aggregate) -> str:
        table = english.table_of(node.table, self.schema)
        template = ROW_FUNCTIONS[node.name].phrase
        if node.name in ("first", "last") and node.column == table.at:
            template = f"the {node.name} {{row}}"
        words = template.format(
            rows=english.plural(table),
            row=english.noun(table),
            column=english.readable(node.column or "rows"),
        )
        return words + self.details(node.where, node.table)


def _whose(words: str) -> _Clause:
    if words.startswith(("the last ", "the first ")):
        return _Clause("whose", words.removeprefix("the "))
    return _Clause("for whom" if words.startswith(("the ", "“")) else "whose", words)


def _plain_count(sign: str, count: int) -> tuple[str, int]:
    """`> 0` is `at least once`; `< 1` is `never`."""
    if sign == ">" and count == 0:
        return ">=", 1
    if (sign, count) in (("<", 1), ("<=", 0)):
        return "=", 0
    if (sign, count) == ("!=", 0):
        return ">=", 1
    return sign, count


def _negated_sign(sign: str) -> str:
    return {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}[sign]


def _refused(words: str) -> str:
    """`is more than` becomes `is not more than`."""
    if words.startswith("adds"):
        return words.replace("adds", "does not add", 1)
    verb, _, rest = words.partition(" ")
    return f"{verb} not {rest}".strip()


def _is_equality(node: Node) -> bool:
    return (
        isinstance(node, nodes.Comparison)
        and node.operator == "="
        and isinstance(node.left, nodes.Path)
        and isinstance(node.right, nodes.Literal)
    )


def _rows_of(node: Node) -> tuple[nodes.Aggregate | None, bool]:
    """The rows that a condition asks for, and whether it asks that there be none."""
    match node:
        case nodes.Not(part=part):
            rows, absent = _rows_of(part)
            return rows, not absent
        case nodes.Aggregate(name="exists"):
            return node, False
        case nodes.Comparison(
            operator=sign, left=nodes.Aggregate(name="count") as rows, right=nodes.Literal() as right
        ):
            if isinstance(right.value, int):
                sign_, count = _plain_count(sign, right.value)
                return (
                    (rows, False)
                    if sign_ in (">=", ">")
                    else (rows, True)
                    if count == 0 and sign_ == "="
                    else (None, False)
                )
    return None, False


def _is_group(node: Node) -> bool:
    while isinstance(node, nodes.Not):
        node = node.part
    return isinstance(node, nodes.And | nodes.Or)
