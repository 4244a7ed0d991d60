"""The smallest change that would flip a rule for one person, said only where it is certain.

Each part of the rule that stands alone proposes changes: rows to come, a tag to give or take, a column to
change, time to pass. A change is offered only if the whole rule is certain to flip by it, whatever those
parts then say that the change touches in ways we cannot foretell.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from usher.rules import english, nodes
from usher.rules.describe import as_test, details_phrase
from usher.rules.moments import shifted
from usher.rules.nodes import Node
from usher.rules.references import references
from usher.rules.schema import Schema

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NOT_IN_ONE_STEP = "No single change is certain to {outcome}."


@dataclass(frozen=True)
class Facts:
    """What a part of the rule says of the person, the value it looks at, and when its last row was."""

    holds: bool
    value: object = None
    latest: object = None


@dataclass(frozen=True)
class Change:
    """`sentence` has a place for the outcome; `after` is what a condition says then (None: nobody knows)."""

    cost: int
    sentence: str
    after: Callable[[Node, Facts], bool | None]


def flip(node: Node, schema: Schema, facts: Mapping[Node, Facts]) -> str:
    """A sentence: "One order would take them out."."""
    holds = facts[node].holds
    outcome, move = ("take them out", "be out") if holds else ("bring them in", "be in")
    changes = sorted(_changes(node, schema, facts), key=lambda change: change.cost)
    for change in changes:
        if _after(node, change, facts) is (not holds):
            return change.sentence.format(outcome=outcome, move=move)
    return NOT_IN_ONE_STEP.format(outcome=outcome)


def _after(node: Node, change: Change, facts: Mapping[Node, Facts]) -> bool | None:
    match node:
        case nodes.Not(part=part):
            found = _after(part, change, facts)
            return None if found is None else not found
        case nodes.And(parts=parts) | nodes.Or(parts=parts):
            decisive = isinstance(node, nodes.Or)
            answers = [_after(part, change, facts) for part in parts]
            return decisive if decisive in answers else None if None in answers else not decisive
        case _:
            return change.after(node, facts[node])


def _changes(node: Node, schema: Schema, facts: Mapping[Node, Facts]) -> Iterator[Change]:
    for leaf in nodes.walk(node):
        fact = facts.get(leaf)
        if fact is None:
            continue
        counted = counts(leaf)
        if counted is not None:
            yield from _by_rows(leaf, counted, fact, schema)
        match leaf:
            case nodes.Membership():
                yield _by_tag(leaf, fact)
            case nodes.Comparison(left=nodes.Aggregate(name="sum")):
                yield from _by_amount(leaf, fact, schema)
            case nodes.Within() | nodes.Timed():
                yield from _by_latest(leaf, fact, schema)
                yield from _by_waiting(leaf, fact)
            case nodes.Path() | nodes.Comparison() | nodes.In() | nodes.IsSet() | nodes.Call():
                yield from _by_column(leaf, fact, schema)


@dataclass(frozen=True)
class Counted:
    rows: nodes.Aggregate
    sign: str
    bound: float

    def holds(self, count: float) -> bool:
        return _SIGNS[self.sign](count, self.bound)


def counts(node: Node) -> Counted | None:
    """A condition on how many rows there are, or None."""
    match node:
        case nodes.Aggregate(name="exists"):
            return Counted(node, ">=", 1)
        case nodes.Comparison(
            operator=sign, left=nodes.Aggregate(name="count") as rows, right=nodes.Literal(value=bound)
        ):
            return Counted(rows, sign, float(bound))
    return None


def _by_rows(leaf: Node, counted: Counted, fact: Facts, schema: Schema) -> Iterator[Change]:
    count, rows = int(str(fact.value or 0)), counted.rows
    table = english.table_of(rows.table, schema)
    details = details_phrase(rows.where, schema, rows.table)
    for more in sorted({1, int(counted.bound) - count, int(counted.bound) - count + 1}):
        if more > 0 and counted.holds(count + more) is not fact.holds:
            amount = f"One {english.noun(table)}" if more == 1 else f"{more:,} {english.plural(table)}"
            yield Change(more, f"{amount}{details} would {{outcome}}.", _rows_come(rows, more, schema))
            break
    window = _window(rows.where, table.at)
    if window and count and counted.holds(0) is not fact.holds and isinstance(fact.latest, date):
        when = _later(fact.latest, window.period)
        others = nodes.And(tuple(part for part in _parts(rows.where) if part != window))
        rest = details_phrase(others, schema, rows.table) if others.parts else ""
        sentence = f"Without another {english.noun(table)}{rest} they would {{move}} from {_day(when)}."
        yield Change(50, sentence, _time_passes(leaf))


def _rows_come(
    rows: nodes.Aggregate, more: int, schema: Schema, *, only: Node | None = None
) -> Callable[..., bool | None]:
    """What conditions say after `more` rows that fulfil the `where` of `rows` have come, just now."""
    at = english.table_of(rows.table, schema).at
    now = all(_is_past_window(part, at) or at not in references(part).columns for part in _parts(rows.where))

    def after(node: Node, fact: Facts) -> bool | None:
        if node == only:
            return not fact.holds
        if rows.table not in references(node).tables:
            return fact.holds
        counted = counts(node)
        if counted is not None:
            where = counted.rows.where
            if where in (None, rows.where) or (
                now and all(_is_past_window(part, at) for part in _parts(where))
            ):
                return counted.holds(int(str(fact.value or 0)) + more)
        if now and isinstance(node, nodes.Within | nodes.Timed) and _is_latest(node.value, at):
            return _holds_now(node)
        return None

    return after


def _by_tag(leaf: nodes.Membership, fact: Facts) -> Change:
    name = english.quoted(leaf.name)
    if leaf.kind == "tag":
        words = f"Taking away the tag {name}" if fact.holds else f"The tag {name}"
    else:
        words = f"{'Leaving' if fact.holds else 'Joining'} the audience {name}"
    return Change(1, f"{words} would {{outcome}}.", lambda node, known: known.holds is not (node == leaf))


def _by_amount(leaf: nodes.Comparison, fact: Facts, schema: Schema) -> Iterator[Change]:
    rows, bound = leaf.left, leaf.right
    if (
        not isinstance(rows, nodes.Aggregate)
        or not isinstance(bound, nodes.Literal)
        or bound.kind != "number"
    ):
        return
    missing = float(bound.value) - float(str(fact.value or 0))
    signs = (">", ">=") if not fact.holds else ("<", "<=")
    if leaf.operator not in signs or missing < 0:
        return
    far = "more than" if leaf.operator in (">", "<=") else "at least"
    noun = english.noun(english.table_of(rows.table, schema))
    details = details_phrase(rows.where, schema, rows.table)
    amount = f"{far} {missing:,.2f}".removesuffix(".00")
    sentence = (
        f"One {noun}{details} with {english.readable(rows.column or '')} of {amount} would {{outcome}}."
    )
    yield Change(3, sentence, _rows_come(rows, 1, schema, only=leaf))


def _by_latest(leaf: nodes.Within | nodes.Timed, fact: Facts, schema: Schema) -> Iterator[Change]:
    rows = leaf.value
    if not isinstance(rows, nodes.Aggregate):
        return
    table = english.table_of(rows.table, schema)
    if _is_latest(rows, table.at) and _holds_now(leaf) is (not fact.holds):
        sentence = f"One {english.noun(table)} would {{outcome}}."
        yield Change(1, sentence, _rows_come(nodes.Aggregate("count", rows.table), 1, schema))


def _by_waiting(leaf: nodes.Within | nodes.Timed, fact: Facts) -> Iterator[Change]:
    period = leaf.period if isinstance(leaf, nodes.Within) else leaf.moment
    if not isinstance(fact.value, date) or not isinstance(period, nodes.Period):
        return
    ends = (isinstance(leaf, nodes.Timed) and leaf.relation == "before") is not fact.holds
    if ends and not (isinstance(leaf, nodes.Within) and leaf.upcoming):
        when = _day(_later(fact.value, period))
        yield Change(50, f"They would {{move}} from {when} if nothing else happens.", _time_passes(leaf))


def _by_column(leaf: Node, fact: Facts, schema: Schema) -> Iterator[Change]:
    found = references(leaf)
    if found.tables or len(found.columns) != 1:
        return
    wanted = as_test(leaf, schema, negated=fact.holds)

    def after(node: Node, known: Facts) -> bool | None:
        if node == leaf:
            return not known.holds
        return None if references(node).columns & found.columns else known.holds

    yield Change(10, f"They would {{move}} if {wanted}.", after)


def _time_passes(leaf: Node) -> Callable[[Node, Facts], bool | None]:
    def after(node: Node, fact: Facts) -> bool | None:
        if node == leaf:
            return not fact.holds
        moves = any(isinstance(part, nodes.Within | nodes.Timed) for part in nodes.walk(node))
        return None if moves else fact.holds

    return after


def _parts(where: Node | None) -> tuple[Node, ...]:
    return () if where is None else where.parts if isinstance(where, nodes.And) else (where,)


def _is_past_window(part: Node, at: str | None) -> bool:
    """A window on the table's own time that a row of just now falls into."""
    past = isinstance(part, nodes.Within) and not part.upcoming and part.period.count > 0
    return past and isinstance(part, nodes.Within) and part.value == nodes.Path((at or "",))


def _window(where: Node | None, at: str | None) -> nodes.Within | None:
    found = [part for part in _parts(where) if isinstance(part, nodes.Within) and _is_past_window(part, at)]
    others = [part for part in _parts(where) if part not in found]
    timeless = not any(
        isinstance(node, nodes.Within | nodes.Timed) for part in others for node in nodes.walk(part)
    )
    return found[0] if len(found) == 1 and timeless else None


def _is_latest(node: Node, at: str | None) -> bool:
    return (
        isinstance(node, nodes.Aggregate)
        and node.name in ("last", "max")
        and node.column == at
        and not node.where
    )


def _holds_now(node: nodes.Within | nodes.Timed) -> bool | None:
    """What a window says of a row of just now."""
    if isinstance(node, nodes.Within):
        return node.period.count > 0 and not node.upcoming
    if isinstance(node.moment, nodes.Period) and node.moment.count > 0:
        return node.relation == "after"
    return None


def _later(moment: date, period: nodes.Period) -> datetime:
    """The first day on which `moment` is a whole period ago."""
    start = moment if isinstance(moment, datetime) else datetime.combine(moment, time.min, UTC)
    zone = start.tzinfo or UTC
    start = start.replace(tzinfo=zone)
    end = shifted(start, period, zone, 1).astimezone(zone)
    while shifted(end, period, zone, -1) < start:
        end += timedelta(days=1)
    return end


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B} {moment.year}"
