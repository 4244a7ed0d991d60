"""A rule as an English sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from usher.rules import english, nodes
from usher.rules.nodes import Node
from usher.rules.schema import Schema
from usher.rules.shapes import joined, oriented, without_constants
from usher.rules.steps import event_of, happened
from usher.rules.superlatives import drawn, ranked, superlative
from usher.rules.wording import Words

#: What a clause is about, up to its verb: told where neither quotes nor brackets stand in it.
_SUBJECT = re.compile(
    r"([^“(,]*?) (?=(?:is|was|does|do|contains|matches|starts|ends|include|adds|add)\b)",
)
_NEGATED = {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def describe(node: Node, schema: Schema) -> str:
    """A sentence: "Customers who have ordered at least once." or "The number of their orders."."""
    return f"{english.capital(_Clauses(schema).sentence(without_constants(node)))}."


def clause_phrase(node: Node, schema: Schema) -> str:
    """A condition as it stands in the sentence: "who have ordered at least once"."""
    return _Clauses(schema).clause(without_constants(node)).text


def as_test(node: Node, schema: Schema, *, negated: bool = False) -> str:
    """A condition on known values as a sentence of its own, or its opposite: "their country is not “GB”"."""
    return _Clauses(schema, remarks=False).condition(node, negated)


def details_phrase(node: Node | None, schema: Schema, table: str) -> str:
    """What `where` says of the rows, after a blank: " in the last 180 days"; empty without `where`."""
    return Words(schema).details(node, table)


@dataclass(frozen=True)
class _Clause:
    """`who`, `whose` or `for whom`, and what follows; no lead: several clauses in one."""

    lead: str
    rest: str

    @property
    def text(self) -> str:
        return f"{self.lead} {self.rest}".strip()

    @property
    def plain(self) -> str:
        """As a sentence of its own."""
        return f"{ {'who': 'they', 'whose': 'their'}.get(self.lead, '') } {self.rest}".strip()


class _Clauses(Words):
    """Conditions of the subject, as clauses behind its name."""

    def sentence(self, node: Node) -> str:
        people = english.readable(self.schema.subject)
        match node:
            case nodes.Literal(kind="boolean", value=value):
                return f"{'all' if value else 'none of the'} {people}"
            case nodes.Among(condition=condition, base=base):
                return f"{people} {self.clause(condition).text}, among those {self.clause(base).text}"
            case nodes.Sample(condition=condition):
                return f"{drawn(node, 'a')} of {self.group(condition, f'the {people}', f'all {people}')}"
            case nodes.Top():
                among = self.group(node.condition, " among those", "")
                return f"the {self.best(node, people)}{among}"
        return self.field(node) if self.is_value(node) else f"{people} {self.clause(node).text}"

    def field(self, node: Node) -> str:
        """A value that stands alone."""
        if isinstance(node, nodes.Call) and node.name == "if":
            return self.branches(node)
        words = self.value(node)
        if isinstance(node, nodes.Aggregate) and words.startswith(("their first ", "their last ")):
            return f"when {words} was"
        return words.removeprefix("their ")

    def group(self, node: Node, some: str, everybody: str) -> str:
        """Those for whom a condition holds: `those who are tagged “VIP”`."""
        if node == nodes.Literal(True, "boolean"):
            return everybody
        return f"{some} {self.clause(node).text}"

    def best(self, node: nodes.Top, people: str = "") -> str:
        """`100 customers with the most orders`, `10% of customers with …`."""
        amount = f"{node.count:g}% of" if node.percent else f"{node.count:,.0f}"
        return f"{amount} {people}".strip() + f" with the {superlative(node.by, self)}"

    def condition(self, node: Node, negated: bool = False) -> str:
        if joined(node, negated)[1]:
            return super().condition(node, negated)
        return self.clause(node, negated).plain

    def test(self, node: Node, negated: bool) -> str:
        """Inside of a condition that is said as a sentence."""
        return self.clause(node, negated).plain

    def clause(self, node: Node, negated: bool = False) -> _Clause:
        no = "not " * negated
        match node:
            case nodes.Not(part=part) if not isinstance(part, nodes.Call):
                return self.clause(part, not negated)
            case nodes.And() | nodes.Or() | nodes.Among():
                return self.joined(*joined(node, negated))
            case nodes.Membership(kind="tag", name=name):
                return _Clause("who", f"are {no}tagged {english.quoted(name)}")
            case nodes.Membership(kind=kind, name=name):
                return _Clause("who", f"are {no}in the {kind} {english.quoted(name)}")
            case nodes.Aggregate(name="exists"):
                return self.times(node, "=" if negated else ">=", 0 if negated else 1)
            case nodes.Sequence():
                return _Clause("who", "never " * negated + happened(node, self))
            case nodes.Sample(condition=condition):
                group = self.group(condition, "those", f"all {english.readable(self.schema.subject)}")
                return _Clause("who", f"are {no}in {drawn(node, 'a')} of {group}")
            case nodes.Top(condition=condition):
                return _Clause(
                    "who", f"are {no}among the {self.best(node)}{self.group(condition, ' of those', '')}"
                )
            case nodes.Literal(kind="boolean", value=value):
                return _Clause("", "everybody" if bool(value) is not negated else "nobody")
            case nodes.Between(value=nodes.Aggregate(name="count") as rows, low=low, high=high):
                if (amount := _amount(low, high)) is not None:
                    return self.counted(rows, f"between {amount}", negated)
            case nodes.Comparison():
                if (clause := self.compared(node, negated)) is not None:
                    return clause
        return _whose(super().test(node, negated))

    def compared(self, node: nodes.Comparison, negated: bool) -> _Clause | None:
        """Comparisons that are said without their value: `exists(orders) = false`, `count(orders) > 3`."""
        sign, left, right = oriented(node)
        if not isinstance(right, nodes.Literal):
            return None
        if isinstance(left, nodes.Call) and left.name == "quantile":
            part = ranked(left, sign, right, english.readable(self.schema.subject), self)
            no = "not " * (negated is not (sign == "!="))
            return _Clause("who", f"are {no}in {part}{self.remark(node, negated)}") if part else None
        if right.kind == "boolean" and sign in ("=", "!=") and _is_settled(left):
            return self.clause(left, negated ^ (sign == "!=") ^ (not right.value))
        whole = isinstance(right.value, int) and right.kind == "number"
        if isinstance(left, nodes.Aggregate) and left.name == "count" and whole:
            return self.times(left, *_plain_count(_NEGATED[sign] if negated else sign, int(right.value)))
        return None

    def joined(self, word: str, parts: Sequence[tuple[Node, bool]]) -> _Clause:
        clauses: list[str] = []
        previous = _Clause("", "")
        last_rows: nodes.Aggregate | None = None
        heavy = grouped = False
        if word == "and":
            self = self.knowing(parts)
        for part, negated in sorted(parts, key=_is_of_others):
            rows, absent = _rows_of(part, negated)
            again = self.again(rows, last_rows) if absent and word == "and" else None
            if again:
                clauses.append(again)
                heavy = heavy or len(parts) == 2
            elif joined(part, negated)[1]:
                clauses.append(self.inner_group(part, negated))
                previous, heavy, grouped = _Clause("", ""), True, True
            else:
                inner = self.clause(part, negated)
                clauses.append(_elided(inner, previous))
                previous = inner
            last_rows = rows if rows and not absent else None
        commas = any("," in clause and not _is_bracketed(clause) for clause in clauses)
        if word == "or" and (grouped or commas):
            whole = [
                self.inner_group(*part) if joined(*part)[1] else self.clause(*part).text for part in parts
            ]
            return _Clause("", f"either {', or '.join(whole)}")
        if len(clauses) > 2 or commas or heavy:
            return _Clause("", f"{', '.join(clauses[:-1])}, {word} {clauses[-1]}")
        return _Clause("", f" {word} ".join(clauses))

    def inner_group(self, node: Node, negated: bool) -> str:
        """A group inside another: `who either are tagged “VIP” or have ordered at least once`."""
        word, parts = joined(node, negated)
        if any(joined(*part)[1] for part in parts):
            return f"({self.joined(word, parts).text})"
        if word == "and":
            return self.joined(word, parts).text
        clauses = [self.clause(*part) for part in parts]
        if all(clause.lead == "who" for clause in clauses):
            return f"who either {english.listed([clause.rest for clause in clauses], 'or')}"
        return f"either {english.listed([clause.text for clause in clauses], 'or')}"

    def again(self, rows: nodes.Aggregate | None, before: nodes.Aggregate | None) -> str | None:
        """`…, and not in the last 180 days` after `who have ordered at least once`."""
        if rows is None or before is None or rows.table != before.table or before.where is not None:
            return None
        if isinstance(rows.where, nodes.Within | nodes.Timed):
            return "not" + self.details(rows.where, rows.table)
        return None

    def times(self, node: nodes.Aggregate, sign: str, count: int) -> _Clause:
        """How often there is a row: `have ordered at least once in the last 6 months`."""
        table = english.table_of(node.table, self.schema)
        verb, details = self.deed(node)
        never, once = (sign, count) == ("=", 0), (sign, count) == (">=", 1)
        amount = f"{english.AMOUNTS[sign]} {'one' if count == 1 else f'{count:,}'}"
        if node.where is not None and self.is_linked(node):
            included = "none" if never else "one" if once else amount
            return _Clause("whose", f"{english.plural(table)} include {included}{details}")
        if (sign, count) in ((">=", 0), (">", -1)):
            return _Clause("who", f"have any number of {english.plural(table)}{details}, or none")
        if verb is None or (" where " in details and not event_of(node)[0]):
            noun = english.noun(table) if count == 1 else english.plural(table)
            return _Clause("who", f"have {'no' if never else amount} {noun}{details}")
        if never:
            return _Clause("who", f"have not {verb}{details}" if details else f"have never {verb}")
        if once and details:
            return _Clause("who", f"have {verb}{details}")
        return _Clause("who", f"have {verb} {english.often(sign, count)}{details}")

    def deed(self, node: nodes.Aggregate) -> tuple[str | None, str]:
        """What people have done whom such a row is about, and the details: `booked`, `done “Cart Viewed”`."""
        name, where = event_of(node)
        if name:
            return f"done {english.quoted(name)}", self.details(where, node.table)
        return english.verb(english.table_of(node.table, self.schema)), self.details(where, node.table)

    def counted(self, node: nodes.Aggregate, amount: str, negated: bool) -> _Clause:
        table = english.table_of(node.table, self.schema)
        verb, details = self.deed(node)
        if verb is None or (" where " in details and not event_of(node)[0]):
            have = "do not have" if negated else "have"
            return _Clause("who", f"{have} {amount} {english.plural(table)}{details}")
        return _Clause("who", f"have {'not ' * negated}{verb} {amount} times{details}")

    def is_linked(self, node: nodes.Aggregate) -> bool:
        """Whether `where` reaches through links: such rows are spoken of, not counted as deeds."""
        rows = self.rows(node)
        paths = (part for part in nodes.walk(node.where or node) if isinstance(part, nodes.Path))
        return any(found.links for path in paths if (found := rows.resolved(path.name)))


def _elided(clause: _Clause, previous: _Clause) -> str:
    """What is said behind another clause: `matches “LS*”` after `whose postcode is known`."""
    if clause.lead != previous.lead:
        return clause.text
    subject, before = _SUBJECT.match(clause.rest), _SUBJECT.match(previous.rest)
    again = subject is not None and before is not None and subject[0] == before[0]
    return clause.rest[subject.end() :] if again and subject else clause.rest


def _whose(words: str) -> _Clause:
    if words.startswith("their "):
        return _Clause("whose", words.removeprefix("their "))
    return _Clause("for whom", words)


def _is_bracketed(clause: str) -> bool:
    return clause.startswith("(") and clause.endswith(")")


def _is_of_others(part: tuple[Node, bool]) -> bool:
    """`among the 100 … of those who …` is said last: what follows would seem to be said of those."""
    node = part[0]
    while isinstance(node, nodes.Not):
        node = node.part
    return isinstance(node, nodes.Sample | nodes.Top)


def _amount(low: Node, high: Node) -> str | None:
    values = [end.value for end in (low, high) if isinstance(end, nodes.Literal) and end.kind == "number"]
    return f"{values[0]:,} and {values[1]:,}" if len(values) == 2 else None


def _is_settled(node: Node) -> bool:
    """A condition that is true or false and never unknown."""
    unsettled = nodes.Path | nodes.Call | nodes.Literal | nodes.Null | nodes.Arithmetic
    if isinstance(node, nodes.Aggregate):
        return node.name == "exists"
    return not isinstance(node, unsettled)


def _plain_count(sign: str, count: int) -> tuple[str, int]:
    """`> 0` is `at least once`; `< 1` is `never`."""
    if (sign, count) in ((">", 0), ("!=", 0)):
        return ">=", 1
    if (sign, count) in (("<", 1), ("<=", 0)):
        return "=", 0
    return sign, count


def _rows_of(node: Node, negated: bool) -> tuple[nodes.Aggregate | None, bool]:
    """The rows that a condition asks for, and whether it asks that there be none."""
    match node:
        case nodes.Not(part=part):
            return _rows_of(part, not negated)
        case nodes.Aggregate(name="exists"):
            return node, negated
        case nodes.Comparison(
            operator=sign,
            left=nodes.Aggregate(name="count") as rows,
            right=nodes.Literal(kind="number", value=int() as count),
        ):
            asked, bound = _plain_count(_NEGATED[sign] if negated else sign, count)
            if (asked, bound) == ("=", 0):
                return rows, True
            return (rows, False) if asked in (">=", ">") else (None, False)
    return None, False
