"""Values and single conditions in words: about one of the subjects, or about one row of a related table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self, TypeGuard

from usher.rules import english, names, nodes
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.missing import known_by, remark
from usher.rules.nodes import Node
from usher.rules.schema import Schema, Table, Type
from usher.rules.shapes import in_any_case, joined, oriented, without_constants

_TIMES = ("date", "instant")


class Words:
    """`table`: whose rows bare names are of; None: the subject's, whose values are said to be "their" own.

    With `remarks`, it is said of a condition that it also holds for a missing value; not of the values that
    are `known`, for another condition sees to that.
    """

    def __init__(
        self,
        schema: Schema,
        table: Table | None = None,
        *,
        remarks: bool = True,
        known: frozenset[Node] = frozenset(),
    ) -> None:
        self.schema = schema
        self.table = table
        self.remarks = remarks
        self.known = known

    def knowing(self, parts: Iterable[tuple[Node, bool]]) -> Self:
        """The same among these conditions and opposites, which all have to hold."""
        known = {value for part, negated in parts for value in known_by(part, negated, self.type_of)}
        return type(self)(self.schema, self.table, remarks=self.remarks, known=self.known | known)

    # names and types

    def resolved(self, name: str) -> names.Resolved | None:
        if self.table:
            return names.of_rows(name, self.table, self.schema)
        return names.of_subject(name, self.schema)

    def type_of(self, node: Node) -> Type | None:
        """The type of a value, where the schema tells."""
        match node:
            case nodes.Path(name=name):
                found = self.resolved(name)
                return found.type if found else None
            case nodes.Literal(kind=kind):
                return kind
            case nodes.Call(name=name, arguments=arguments) if name in FUNCTIONS:
                returns = FUNCTIONS[name].returns
                return returns if returns != "same" else self.type_of(arguments[-1]) if arguments else None
            case nodes.Aggregate(name=name, column=column):
                return ROW_FUNCTIONS[name].returns or self.rows(node).type_of(_path(column))
            case nodes.Arithmetic():
                return "number"
            case nodes.Call() | nodes.Null():
                return None
            case _:
                return "boolean"

    def rows(self, node: nodes.Aggregate | nodes.Step) -> Words:
        return Words(self.schema, english.table_of(node.table, self.schema))

    def named(self, name: str) -> str:
        """A column: `genre`, `performance genre`."""
        found = self.resolved(name)
        if found is None or not found.links:
            return english.column(name, found.type if found else None)
        steps = name.removesuffix(f".{found.column}").split(".")
        nouns = [self.linked(step, link.table) for step, link in zip(steps, found.links, strict=False)]
        own = english.column(found.column, found.type)
        if found.type == "boolean":
            return english.quoted(" ".join([*nouns, own.strip("“”")]))
        return " ".join([*nouns, own])

    def linked(self, step: str, table: str) -> str:
        lookup = self.schema.lookups.get(table)
        if lookup and step == table:
            return english.noun(lookup)
        return english.singular(english.readable(step))

    # values

    def value(self, node: Node) -> str:
        match node:
            case nodes.Literal():
                return english.written(node)
            case nodes.Null():
                return "nothing"
            case nodes.Path(name=name):
                words = self.named(name)
                return words if self.table or words.startswith("“") else f"their {words}"
            case nodes.Call(name=name, arguments=arguments) if name in FUNCTIONS and self.is_value(node):
                if name == "if" and len(arguments) == 3:
                    return f"the result ({self.branches(node)})"
                return FUNCTIONS[name].phrase(*map(self.value, arguments))
            case nodes.Call(name=name, arguments=arguments) if name not in FUNCTIONS:
                return f"{name} of {english.listed([self.value(argument) for argument in arguments])}"
            case nodes.Arithmetic(operator=sign, left=left, right=right):
                return f"{self.term(left, sign)} {english.SIGNS[sign]} {self.term(right, sign, right=True)}"
            case nodes.Aggregate() if node.name != "exists":
                return self.rows_value(node)
            case nodes.Period():
                return english.length(node)
            case _:
                return f"whether {self.condition(node)}"

    def branches(self, node: Node) -> str:
        """`20 if their country is “GB”, otherwise 50`; choices in choices one after the other."""
        said = []
        while isinstance(node, nodes.Call) and node.name == "if" and len(node.arguments) == 3:
            asked, value, node = node.arguments
            said.append(FUNCTIONS["if"].phrase(self.condition(asked), self.value(value)))
        return f"{', '.join(said)}, otherwise {self.value(node)}"

    def is_value(self, node: Node) -> bool:
        """Not a condition: a computed field, or one side of a comparison."""
        match node:
            case nodes.Call(name=name):
                return name not in FUNCTIONS or FUNCTIONS[name].returns != "boolean"
            case nodes.Aggregate(name=name):
                return name != "exists"
            case nodes.Path():
                return self.type_of(node) != "boolean"
            case nodes.Literal(kind=kind):
                return kind != "boolean"
            case _:
                return isinstance(node, nodes.Arithmetic | nodes.Null)

    def term(self, node: Node, outer: nodes.Sign, right: bool = False) -> str:
        """One side of a calculation, in brackets where it would be worked out in another order."""
        words = self.value(node)
        if not isinstance(node, nodes.Arithmetic):
            return words
        looser = node.operator in "+-" and outer in "*/"
        same = (node.operator in "+-") == (outer in "+-")
        return f"({words})" if looser or (right and same) else words

    def rows_value(self, node: nodes.Aggregate) -> str:
        table, rows = english.table_of(node.table, self.schema), self.rows(node)
        own_time = node.column is not None and node.column == table.at
        first = {"first": "first", "min": "first", "last": "last", "max": "last"}.get(node.name)
        column = rows.named(node.column or "rows")
        if own_time and first:
            template = f"their {first} {{row}}"
        elif node.name in ("min", "max") and self.type_of(node) in _TIMES:
            template = f"the {'earliest' if node.name == 'min' else 'latest'} {{column}} of their {{rows}}"
        else:
            template = ROW_FUNCTIONS[node.name].phrase
        words = template.format(
            rows=english.plural(table),
            row=english.noun(table),
            column=column,
            columns=english.several(column),
        )
        return words + self.details(node.where, node.table)

    def details(self, where: Node | None, table: str) -> str:
        """What `where` says of rows, after a blank: " with genre “opera” in the last 6 months"."""
        where = None if where is None else without_constants(where)
        if where is None or where == nodes.Literal(True, "boolean"):
            return ""
        found = english.table_of(table, self.schema)
        parts = where.parts if isinstance(where, nodes.And) else (where,)
        rows = Words(self.schema, found)
        rows = rows.knowing((part, False) for part in parts)
        withs, tests, windows = [], [], []
        for part in parts:
            if isinstance(part, nodes.Within | nodes.Timed) and part.value == _path(found.at):
                windows.append(rows.window(part))
            elif words := rows.own_time(part):
                windows.append(words)
            elif words := rows.equality(part):
                withs.append(words)
            else:
                alone = len(parts) == 1
                tests.append(rows.condition(part) if alone else rows.grouped(part))
        words_ = [f"with {english.listed(withs)}"] if withs else []
        words_ += [f"where {english.listed(tests)}"] if tests else []
        words_ += [english.listed(windows)] if windows else []
        return "".join(f" {word}" for word in words_)

    def own_time(self, node: Node) -> str | None:
        """`between 1 May 2024 and 31 May 2024`, of the row's own time."""
        at = _path(self.table.at) if self.table and self.table.at else None
        match node:
            case nodes.Between(value=value, low=nodes.Literal(), high=nodes.Literal()) if value == at:
                pass
            case nodes.Comparison(left=left, right=nodes.Literal(), operator=sign) if (
                left == at and sign != "!="
            ):
                pass
            case _:
                return None
        return self.bare_test(node, False).partition(" was ")[2]

    def equality(self, node: Node) -> str | None:
        """`genre “opera”`, for what follows `with`."""
        if not isinstance(node, nodes.Comparison) or node.operator != "=":
            return None
        plain = in_any_case(node.left, node.right)
        left, right = plain or (node.left, node.right)
        fits = isinstance(left, nodes.Path) and isinstance(right, nodes.Literal) and right.kind != "boolean"
        if not fits or self.type_of(left) in _TIMES:
            return None
        return f"{self.value(left)} {self.value(right)}{' in any case' if plain else ''}"

    # conditions

    def condition(self, node: Node, negated: bool = False) -> str:
        """A condition as a sentence of its own: `genre is “opera” or value is more than 5`."""
        word, parts = joined(node, negated)
        if not parts:
            return self.test(node, negated)
        said = [self.grouped(part, no) for part, no in parts]
        if any(" or " in words or " and " in words for words in said[:-1]) or len(said) > 2:
            return f"{', '.join(said[:-1])}, {word} {said[-1]}"
        return english.listed(said, word)

    def grouped(self, node: Node, negated: bool = False) -> str:
        """A condition inside another: `either a or b`, `both a and b`."""
        word, parts = joined(node, negated)
        if not parts:
            return self.test(node, negated)
        if len(parts) == 2 and not any(joined(*part)[1] for part in parts):
            return f"{'either' if word == 'or' else 'both'} {self.condition(node, negated)}"
        return f"({self.condition(node, negated)})"

    def test(self, node: Node, negated: bool) -> str:
        """A single condition, or its opposite, and whether it holds for a missing value."""
        match node:
            case nodes.Not(part=nodes.Call() as part):  # `not contains(…)` is one condition
                said = self.bare_test(part, not negated)
            case nodes.Not(part=part):
                return self.test(part, not negated)
            case _:
                said = self.bare_test(node, negated)
        return said + self.remark(node, negated)

    def remark(self, node: Node, negated: bool) -> str:
        return remark(node, negated, self.type_of, self.always) if self.remarks else ""

    def always(self, value: Node) -> bool:
        """Whether a value is known of every row that is seen: the key, the time, and what is asked for."""
        if not isinstance(value, nodes.Path) or value in self.known:
            return value in self.known
        name = value.name
        return name in (self.table.key, self.table.at) if self.table else name == self.schema.key

    def bare_test(self, node: Node, negated: bool) -> str:
        no = "not " * negated
        match node:
            case nodes.Comparison():
                return self.comparison(node, negated)
            case nodes.Between(value=value, low=low, high=high):
                verb = "was" if self.type_of(value) in _TIMES else "is"
                ends = [self.moment(value, end) for end in (low, high)]
                return f"{self.value(value)} {verb} {no}between {ends[0]} and {ends[1]}"
            case nodes.In(value=value, choices=nodes.Path() as path):
                return f"{self.value(value)} is {no}one of {self.value(path)}"
            case nodes.In(value=value, choices=tuple() as choices):
                return self.choice(value, choices, negated)
            case nodes.IsSet(value=value, negated=missing):
                said, known = self.value(value), missing is negated
                if said.startswith(("their first ", "their last ")) and isinstance(value, nodes.Aggregate):
                    return f"there is {'a' if known else 'no'} {said.removeprefix('their ')}"
                return f"{said} is {'known' if known else 'not known'}"
            case nodes.Within(value=value, upcoming=upcoming):
                return f"{self.value(value)} {'is' if upcoming else 'was'} {no}{self.window(node)}"
            case nodes.Timed(value=value):
                when = self.window(node)
                return f"{self.value(value)} {'is' if when.endswith(' now') else 'was'} {no}{when}"
            case nodes.Call() if not self.is_value(node):
                return self.call(node, negated)
            case nodes.Literal(kind="boolean", value=value):
                return "that is so for anybody" if bool(value) is not negated else "that is so for nobody"
            case nodes.Null():
                return f"nothing is {no}true"
            case _:
                return f"{self.value(node)} is {no}true"

    def call(self, node: nodes.Call, negated: bool) -> str:
        plain = in_any_case(*node.arguments) if node.name in ("contains", "match") else None
        said = FUNCTIONS[node.name].phrase(*map(self.value, plain or node.arguments), negated)
        return f"{said} in any case" if plain else said

    def choice(self, value: Node, choices: Sequence[Node], negated: bool) -> str:
        """`is “GB”, “FR” or not known`."""
        plain = in_any_case(value, *choices)
        value, *choices = plain or (value, *choices)
        known = [choice for choice in choices if not isinstance(choice, nodes.Null)]
        missing, no = len(known) < len(choices), "not " * negated
        verb = "was" if self.type_of(value) in _TIMES else "is"
        first, *others = [self.chosen(value, choice) for choice in known] or [""]
        on = next((word for word in ("on a ", "on ", "in ") if first.startswith(word)), "")
        on = on if all(other.startswith(on) for other in others) else ""
        said = english.listed([first, *(other.removeprefix(on) for other in others)], "or")
        value = _calendar(value, *known) or value
        said += " in any case" if plain else ""
        if not choices:
            return f"{self.value(value)} is {no}one of an empty list"
        if not known:
            return f"{self.value(value)} is {'known' if negated else 'not known'}"
        if missing and negated:
            return f"{self.value(value)} is known, but {verb} not {said}"
        return f"{self.value(value)} {verb} {no}{said}{' or not known' if missing else ''}"

    def chosen(self, value: Node, choice: Node) -> str:
        kind = self.type_of(value)
        if kind in _TIMES and isinstance(choice, nodes.Literal):
            return english.compared_with_moment("=", str(choice.value), kind)
        words = self.literal(value, choice)
        return f"{_PARTS[value.name]} {words}" if _is_calendar(value, choice) else words

    def comparison(self, node: nodes.Comparison, negated: bool) -> str:
        sign, left, right = oriented(node)
        if isinstance(right, nodes.Literal) and right.kind == "boolean" and sign in ("=", "!="):
            return self.yes_or_no(left, bool(right.value), sign == "!=", negated)
        plain = in_any_case(left, right)
        left, right = plain or (left, right)
        said = self.value((sign in ("=", "!=") and _calendar(left, right)) or left)
        kind = self.type_of(left)
        if kind in _TIMES and isinstance(right, nodes.Literal):
            no = "not " if negated is not (sign == "!=") else ""
            asked = "=" if sign == "!=" else sign
            return f"{said} was {no}{english.compared_with_moment(asked, str(right.value), kind)}"
        if negated and sign in ("<=", ">="):  # `is more than 5` rather than `is not at most 5`
            sign, negated = (">" if sign == "<=" else "<"), False
        words = (english.TIME_COMPARISONS if kind in _TIMES else english.COMPARISONS)[sign]
        if isinstance(left, nodes.Aggregate) and left.name == "sum":
            column = self.rows(left).named(left.column or "")
            adds = "add" if column.endswith("s") and not column.endswith("ss") else "adds"
            said, words = said.removeprefix("the sum of "), words.replace("is", f"{adds} up to", 1)
        if negated:
            words = words.replace(" not", "", 1) if " not" in words else _refused(words)
        said += "," * (", " in said and not said.endswith(")"))
        bound = self.chosen(left, right) if sign in ("=", "!=") else self.literal(left, right)
        if _is_calendar(left, right) and sign not in ("=", "!="):
            words = words.replace("at least", "not before").replace("at most", "not after")
            words = words.replace("more than", "after").replace("less than", "before")
        return f"{said} {words} {bound}{' in any case' if plain else ''}"

    def yes_or_no(self, node: Node, wanted: bool, differs: bool, negated: bool) -> str:
        """`x = false` asks for a known no; `x != true` takes in who did not say."""
        same = differs is negated
        if isinstance(node, nodes.Call) and not self.is_value(node):
            return self.call(node, wanted is not same)
        if not isinstance(node, nodes.Path | nodes.Call | nodes.Literal | nodes.Null):
            return self.condition(node, wanted is not same)  # true or false, and never unknown
        said, word = self.value(node), "true" if wanted else "false"
        return f"{said} is {word if same else 'not true' if wanted else 'true'}"

    def moment(self, value: Node, other: Node) -> str:
        if self.type_of(value) in _TIMES and isinstance(other, nodes.Literal):
            return english.moment(str(other.value))
        return self.literal(value, other)

    def literal(self, value: Node, other: Node) -> str:
        """What a value is compared with: years without a comma, days and months by name."""
        if isinstance(value, nodes.Call) and isinstance(other, nodes.Literal):
            if value.name in ("year", "day_of_week"):
                return str(other.value)
            if value.name == "month" and other.value in range(1, 13):
                return english.MONTHS[int(other.value) - 1]
        return self.value(other)

    def window(self, node: nodes.Within | nodes.Timed) -> str:
        if isinstance(node, nodes.Timed) and isinstance(node.moment, nodes.Period) and not node.moment.count:
            return f"{node.relation} now"
        if isinstance(node, nodes.Within):
            return f"in the {'next' if node.upcoming else 'last'} {english.period(node.period)}"
        if isinstance(node.moment, nodes.Period):
            far = "at least" if node.relation == "before" else "less than"
            return f"{far} {english.length(node.moment)} ago"
        sign = "<" if node.relation == "before" else ">"
        return english.compared_with_moment(sign, str(node.moment.value), self.type_of(node.value))


#: Parts of a date that are said as when it is: `is in June`, `is on a Monday`.
_PARTS = {"month": "in", "year": "in", "day_of_week": "on a"}


def _is_calendar(value: Node, choice: Node) -> TypeGuard[nodes.Call]:
    return isinstance(value, nodes.Call) and value.name in _PARTS and isinstance(choice, nodes.Literal)


def _calendar(value: Node, *choices: Node) -> Node | None:
    """The date whose month, year or weekday is compared with what is written out."""
    asked = bool(choices) and all(_is_calendar(value, choice) for choice in choices)
    return value.arguments[0] if asked and isinstance(value, nodes.Call) and value.arguments else None


def _path(column: str | None) -> nodes.Path:
    return nodes.Path(tuple((column or "").split(".")))


def _refused(words: str) -> str:
    """`is more than` becomes `is not more than`."""
    if words.startswith(("adds", "add ")):
        return (
            f"does not {words.replace('adds', 'add', 1)}" if words.startswith("adds") else f"do not {words}"
        )
    verb, _, rest = words.partition(" ")
    return f"{verb} not {rest}".strip()
