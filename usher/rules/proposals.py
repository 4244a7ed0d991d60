"""Single changes that could flip a rule for one person, each with what its conditions would say then."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from usher.rules import english, nodes
from usher.rules.changes import AddRows, Change, SetColumn, SetMember
from usher.rules.compile.simpler import rewritten
from usher.rules.describe import as_test, details_phrase
from usher.rules.facts import Facts, about_all, compared
from usher.rules.nodes import Node
from usher.rules.references import references
from usher.rules.schema import Schema, Table
from usher.rules.shapes import oriented
from usher.rules.solve import Solver
from usher.rules.steps import event_of
from usher.rules.wording import Words

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


#: What comes to the value of the row, where there is one row.
_OF_ONE = ("first", "last", "min", "max", "avg", "median", "most_frequent")


@dataclass(frozen=True)
class Proposal:
    """`sentence` has a place for the outcome, "take them out", or the move, "be out".

    `touches`: whether the change may matter to a condition at all. `after`: what a single condition that it
    touches says then; None where nobody can know.
    """

    cost: int
    sentence: str
    change: Change
    touches: Callable[[Node], bool]
    after: Callable[[Node, Facts], bool | None]


@dataclass(frozen=True)
class Counted:
    """A condition on how many rows there are."""

    rows: nodes.Aggregate
    sign: str
    bound: float

    def holds(self, count: float) -> bool:
        return _SIGNS[self.sign](count, self.bound)


def counts(node: Node) -> Counted | None:
    match node:
        case nodes.Aggregate(name="exists"):
            return Counted(node, ">=", 1)
        case nodes.Sequence(steps=(nodes.Step(table=table, where=where),)):
            return Counted(nodes.Aggregate("exists", table, None, where), ">=", 1)
        case nodes.Comparison():
            sign, rows, bound = oriented(node)
            if (
                isinstance(rows, nodes.Aggregate)
                and rows.name == "count"
                and isinstance(bound, nodes.Literal)
            ):
                return Counted(rows, sign, float(bound.value)) if bound.kind == "number" else None
    return None


def parts_of(where: Node | None) -> tuple[Node, ...]:
    return () if where is None else where.parts if isinstance(where, nodes.And) else (where,)


def by_hand(node: nodes.Membership, schema: Schema) -> bool:
    """Whether a person decides who carries the tag or is on the list, and no rule."""
    return schema.by_hand is None or (node.kind, node.name) in schema.by_hand


class Proposals:
    def __init__(self, schema: Schema, solver: Solver) -> None:
        self.schema = schema
        self.solver = solver

    def of(self, node: Node, fact: Facts) -> Iterator[Proposal]:
        """The changes that a single condition proposes."""
        if isinstance(node, nodes.Membership) and by_hand(node, self.schema):
            yield self.by_member(node, fact)
        counted = counts(node)
        if counted is not None:
            yield from self.by_count(counted, fact)
        elif isinstance(node, nodes.Sequence):
            yield from self.by_last_step(node, fact)
        elif isinstance(node, nodes.Comparison):
            yield from self.by_amount(node, fact)
        if isinstance(node, nodes.Within | nodes.Timed):
            yield from self.by_latest(node, fact)
        if fact.value is None:
            yield from self.by_only_row(node, fact)
        yield from self.by_column(node, fact)

    # tags, segments and audiences

    def by_member(self, node: nodes.Membership, fact: Facts) -> Proposal:
        name = english.quoted(node.name)
        if node.kind == "tag":
            words = f"Taking away the tag {name}" if fact.holds else f"The tag {name}"
        else:
            words = f"{'Leaving' if fact.holds else 'Joining'} the {node.kind} {name}"
        change = SetMember(node.kind, node.name, not fact.holds)
        return Proposal(
            1,
            f"{words} would {{outcome}}.",
            change,
            touches=lambda other: node in nodes.walk(other),
            after=lambda other, known: not known.holds if other == node else None,
        )

    # rows to come

    def by_count(self, counted: Counted, fact: Facts) -> Iterator[Proposal]:
        count, rows = int(str(fact.value or 0)), counted.rows
        table = self.schema.tables[rows.table]
        details = details_phrase(rows.where, self.schema, rows.table)
        for more in sorted({1, int(counted.bound) - count, int(counted.bound) - count + 1}):
            if more > 0 and counted.holds(count + more) is not counted.holds(count):
                name, where = event_of(rows)
                one, several = english.noun(table), english.plural(table)
                if name:
                    one = several = english.quoted(name)
                    details = details_phrase(where, self.schema, rows.table)
                amount = f"One {one}" if more == 1 else f"{more:,} {several}"
                yield from self.coming(more, f"{amount}{details} would {{outcome}}.", rows, more)
                break

    def coming(
        self,
        cost: int,
        sentence: str,
        rows: nodes.Aggregate | nodes.Step,
        more: int = 1,
        *,
        only: Node | None = None,
        also: Mapping[str, object] | None = None,
    ) -> Iterator[Proposal]:
        """Rows that fulfil the `where` come just now; `only`: the condition that they flip."""
        values = self.row(rows)
        if values is None or (also and values.keys() & also.keys()):
            return

        def after(node: Node, fact: Facts) -> bool | None:
            return not fact.holds if node == only else self.after_rows(node, fact, rows, more)

        yield Proposal(
            cost,
            sentence,
            AddRows(rows.table, more, {**values, **(also or {})}),
            touches=lambda node: rows.table in references(node).tables,
            after=after,
        )

    def row(self, rows: nodes.Aggregate | nodes.Step) -> Mapping[str, object] | None:
        """The columns of a row of just now that fulfils `where`; None if none can come or none was found."""
        table = self.schema.tables[rows.table]
        solver = self.of_rows(table)
        rest = tuple(part for part in parts_of(rows.where) if not self.takes_in_now(part, table))
        found = solver.solve(nodes.And(rest))
        if found is None or table.at in found or table.key in found:
            return None
        if any("." in name for name in found) and found.keys() & {
            link.column for link in table.links.values()
        }:
            return None
        if table.at is None:
            return found
        return {**found, table.at: solver.just_now(self.kind_of_time(table))}

    def after_rows(
        self, node: Node, fact: Facts, rows: nodes.Aggregate | nodes.Step, more: int
    ) -> bool | None:
        table = self.schema.tables[rows.table]
        counted = counts(node)
        if counted is not None and counted.rows.table == rows.table:
            where = counted.rows.where
            if where in (None, rows.where) or all(self.takes_in_now(p, table) for p in parts_of(where)):
                return counted.holds(int(str(fact.value or 0)) + more)
        if isinstance(node, nodes.Within | nodes.Timed) and self.is_latest(node.value, table):
            return self.solver.fits(node, self.solver.just_now(self.kind_of_time(table)))
        return None

    def takes_in_now(self, part: Node, table: Table) -> bool:
        """Whether a condition is a window on the table's own time that a row of just now falls into."""
        if not isinstance(part, nodes.Within | nodes.Timed) or table.at is None:
            return False
        now = self.solver.just_now(self.kind_of_time(table))
        return (
            isinstance(part.value, nodes.Path) and part.value.name == table.at and self.solver.fits(part, now)
        )

    def is_latest(self, node: Node, table: Table) -> bool:
        latest = isinstance(node, nodes.Aggregate) and node.name in ("last", "max") and not node.where
        return (
            latest
            and isinstance(node, nodes.Aggregate)
            and (node.table, node.column) == (table.name, table.at)
        )

    def kind_of_time(self, table: Table) -> str | None:
        return table.columns.get(table.at or "")

    def of_rows(self, table: Table) -> Solver:
        return Solver(Words(self.schema, table), self.solver.now, self.solver.zone)

    def by_last_step(self, node: nodes.Sequence, fact: Facts) -> Iterator[Proposal]:
        if fact.begun and not fact.holds:
            last = node.steps[-1]
            name, where = event_of(last)
            noun = english.quoted(name) if name else english.noun(self.schema.tables[last.table])
            details = details_phrase(where, self.schema, last.table)
            yield from self.coming(1, f"One {noun}{details} would {{outcome}}.", last, only=node)

    def by_amount(self, node: nodes.Comparison, fact: Facts) -> Iterator[Proposal]:
        """One row with so much in its column brings a sum over a bound."""
        sign, rows, bound = oriented(node)
        if (
            not isinstance(rows, nodes.Aggregate)
            or rows.name != "sum"
            or not isinstance(bound, nodes.Literal)
        ):
            return
        if bound.kind != "number" or sign not in ((">", ">=") if not fact.holds else ("<", "<=")):
            return
        missing = math.ceil(round((float(bound.value) - float(str(fact.value or 0))) * 100, 6)) / 100
        if missing < 0:
            return
        far = "more than" if sign in (">", "<=") else "at least"
        table = self.schema.tables[rows.table]
        column = Words(self.schema, table).named(rows.column or "")
        details = details_phrase(rows.where, self.schema, rows.table)
        amount = f"{far} {missing:,.2f}".removesuffix(".00")
        yield from self.coming(
            3,
            f"One {english.noun(table)}{details} with {column} of {amount} would {{outcome}}.",
            rows,
            only=node,
            also={rows.column or "": missing + 1},
        )

    def by_latest(self, node: nodes.Within | nodes.Timed, fact: Facts) -> Iterator[Proposal]:
        rows = node.value
        if not isinstance(rows, nodes.Aggregate) or rows.table not in self.schema.tables:
            return
        table = self.schema.tables[rows.table]
        now = self.solver.just_now(self.kind_of_time(table))
        if self.is_latest(rows, table) and self.solver.fits(node, now) is not fact.holds:
            sentence = f"One {english.noun(table)} would {{outcome}}."
            yield from self.coming(1, sentence, nodes.Aggregate("count", rows.table))

    def by_only_row(self, node: Node, fact: Facts) -> Iterator[Proposal]:
        """Where there is no row with a value yet, one that comes makes the first, last or most frequent."""
        rows = compared(node)[0]
        if not isinstance(rows, nodes.Aggregate) or rows.name not in _OF_ONE or rows.column is None:
            return
        column = nodes.Path(tuple(rows.column.split(".")))
        of_row = rewritten(node, lambda part: column if part == rows else part)
        of_row = nodes.Not(of_row) if fact.holds else of_row
        where = nodes.And((*parts_of(rows.where), of_row))
        one = nodes.Aggregate("exists", rows.table, None, where)
        sentence = f"One {english.noun(self.schema.tables[rows.table])}"
        sentence += f"{details_phrase(where, self.schema, rows.table)} would {{outcome}}."
        yield from self.coming(2, sentence, one, only=node)

    # columns

    def by_column(self, node: Node, fact: Facts) -> Iterator[Proposal]:
        found = references(node)
        if found.tables or len(found.columns) != 1 or about_all(node):
            return
        (column,) = found.columns
        values = self.solver.solve(node, not fact.holds)
        if values is None or values.keys() != {column} or self.leads_elsewhere(column):
            return
        together = self.beside(column)
        yield Proposal(
            10,
            f"They would {{move}} if {as_test(node, self.schema, negated=fact.holds)}.",
            SetColumn(column, values[column]),
            touches=lambda other: any(together(name) for name in references(other).columns),
            after=lambda other, known: not known.holds if other == node else None,
        )

    def leads_elsewhere(self, column: str) -> bool:
        """A key or a link's column: with it much else would change."""
        return column == self.schema.key or column in {link.column for link in self.schema.links.values()}

    def beside(self, column: str) -> Callable[[str], bool]:
        """Which columns may change with this one: of a linked row, all of that row and what it leads to."""
        links = [step for step in self.schema.links if column.startswith(f"{step}.")]
        if column in self.schema.columns or not links:
            return lambda other: other == column
        step = max(links, key=len)
        return lambda other: other.startswith(f"{step}.") or other == self.schema.links[step].column
