"""The smallest change that would flip a rule for one person, said only where it is certain.

Each condition of the rule that stands alone proposes changes: rows to come, a tag to give or take, a column
to change, time to pass. A change is offered only if the whole rule is certain to flip by it: whatever those
conditions then say that the change touches in ways that cannot be foretold. What time alone does is not
foretold but tried: the rule is asked again, as of then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from usher.rules import english, nodes
from usher.rules.changes import Change, Wait
from usher.rules.describe import details_phrase
from usher.rules.facts import Facts, compared, conditions, inner
from usher.rules.moments import instant_of, shifted
from usher.rules.nodes import Node
from usher.rules.proposals import Proposal, Proposals, by_hand, counts, parts_of
from usher.rules.schema import Schema
from usher.rules.shapes import oriented
from usher.rules.solve import Solver
from usher.rules.wording import Words

NOT_IN_ONE_STEP = "No single change is certain to {outcome}."
#: So many moments are tried at most.
TRIED = 8
_UNITS: dict[str, nodes.Unit] = {"days": "day", "weeks": "week", "months": "month", "years": "year"}


def flip(
    node: Node,
    whole: Node,
    schema: Schema,
    facts: Mapping[Node, Facts],
    holds_at: Callable[[datetime], bool],
    *,
    now: datetime,
    zone: tzinfo,
) -> tuple[str, Change | None]:
    """A sentence, "One order would take them out.", and the change; None where no change is certain.

    `whole` is the rule with its nested rules in place; `facts` are those of all `conditions` of both;
    `holds_at` asks the whole rule as of a later moment.
    """
    holds = facts[node].holds
    words = {True: ("take them out", "be out"), False: ("bring them in", "be in")}[holds]
    outcome = dict(zip(("outcome", "move"), words, strict=True))
    proposals = Proposals(schema, Solver(Words(schema), now, zone))
    found = [one for part in facts for one in proposals.of(part, facts[part])]
    for proposal in sorted(found, key=lambda one: one.cost):
        if _after(whole, proposal, facts) is (not holds):
            return proposal.sentence.format(**outcome), proposal.change
    waits = (wait for part in facts for wait in _Waits(schema, now, zone).of(part, facts[part]))
    for wait in sorted(set(waits), key=lambda one: (one.until, one.sentence))[:TRIED]:
        if holds_at(wait.until) is not holds:
            return wait.sentence.format(**outcome), Wait(wait.until)
    return NOT_IN_ONE_STEP.format(**outcome) + _kept(node, facts, proposals), None


def _kept(node: Node, facts: Mapping[Node, Facts], proposals: Proposals) -> str:
    """What nobody can give or take, for a rule decides on it: first of all what would flip the answer."""
    asked = [part for part in conditions(node) if isinstance(part, nodes.Membership)]
    kept = [part for part in dict.fromkeys(asked) if not by_hand(part, proposals.schema)]
    if not kept:
        return ""
    wanted = not facts[node].holds
    changes = {part: proposals.by_member(part, facts[part]) for part in kept}
    decisive = [part for part, change in changes.items() if _after(node, change, facts) is wanted]
    if decisive:
        takes = english.listed([_takes(part, facts[part]) for part in decisive], "or")
        decides = "its own rule decides" if len(decisive) == 1 else "rules of their own decide"
        return f" It takes {takes}, on which {decides}: see why there."
    named = english.listed([f"the {node.kind} {english.quoted(node.name)}" for node in kept])
    rule = (
        "has a rule of its own: see why there" if len(kept) == 1 else "have rules of their own: see why there"
    )
    return f" {english.capital(named)} {rule}."


def _takes(node: nodes.Membership, fact: Facts) -> str:
    """`the tag “VIP”`, `leaving the segment “Reachable”`."""
    gains = {"tag": "", "segment": "joining ", "audience": "joining "}
    losses = {"tag": "losing ", "segment": "leaving ", "audience": "leaving "}
    return f"{(losses if fact.holds else gains)[node.kind]}the {node.kind} {english.quoted(node.name)}"


def _after(node: Node, change: Proposal, facts: Mapping[Node, Facts]) -> bool | None:
    """What a condition says after a change; None: nobody knows."""
    if not change.touches(node):
        return facts[node].holds
    answers = [_after(part, change, facts) for part in inner(node)]
    match node:
        case nodes.Not() if answers:
            return None if answers[0] is None else not answers[0]
        case nodes.And() | nodes.Or() | nodes.Among():
            decisive = isinstance(node, nodes.Or)
            return decisive if decisive in answers else None if None in answers else not decisive
        case nodes.Sample():
            return facts[node].drawn if answers[0] else answers[0]
        case nodes.Top():
            return False if answers[0] is False else None
    return change.after(node, facts[node])


@dataclass(frozen=True)
class _Wait:
    until: datetime
    sentence: str


class _Waits:
    """Moments at which a condition may change by time alone."""

    def __init__(self, schema: Schema, now: datetime, zone: tzinfo) -> None:
        self.schema, self.now, self.zone = schema, now, zone

    def of(self, node: Node, fact: Facts) -> Iterator[_Wait]:
        for moment in self.moments(node, fact):
            if moment > self.now:
                local = moment.astimezone(self.zone)
                day = f"{local.day} {local:%B} {local.year}"
                yield _Wait(moment, self.sentence(node).replace("DAY", day))

    def sentence(self, node: Node) -> str:
        counted = counts(node)
        if counted is None or isinstance(node, nodes.Sequence):
            return "They would {move} from DAY if nothing else happens."
        others = tuple(part for part in parts_of(counted.rows.where) if not isinstance(part, nodes.Within))
        noun = english.noun(self.schema.tables[counted.rows.table])
        rest = details_phrase(nodes.And(others), self.schema, counted.rows.table) if others else ""
        return f"Without another {noun}{rest} they would {{move}} from DAY."

    def moments(self, node: Node, fact: Facts) -> Iterator[datetime]:
        if any(True for _ in inner(node)):
            return
        times = [value for value in (fact.value, fact.latest, fact.earliest) if isinstance(value, date)]
        for value in dict.fromkeys(times):
            moment = instant_of(value, self.zone)
            yield moment
            for period in self.periods(node):
                yield from self.around(moment, period)
        within = compared(node)[0]
        if isinstance(node, nodes.Within) and within is not None and isinstance(fact.value, date):
            yield from self.anniversaries(node, fact.value)

    def periods(self, node: Node) -> Iterator[nodes.Period]:
        yield from (part for part in nodes.walk(node) if isinstance(part, nodes.Period))
        if isinstance(node, nodes.Comparison):
            _, value, bound = oriented(node)
            if isinstance(value, nodes.Call) and isinstance(bound, nodes.Literal) and bound.kind == "number":
                unit = "years" if value.name == "age" else value.name.partition("_")[0]
                count = int(bound.value)
                if unit in _UNITS and 0 <= count < 1_000:
                    yield from (nodes.Period(some, _UNITS[unit]) for some in (count, count + 1))

    def around(self, moment: datetime, period: nodes.Period) -> Iterator[datetime]:
        """When `moment` is a whole period ago, and when it is a whole period ahead."""
        try:
            later = shifted(moment, period, self.zone, 1)
            while shifted(later, period, self.zone, -1) < moment:  # after the last day of a shorter month
                later += timedelta(days=1)
            yield later
            earlier = shifted(moment, period, self.zone, -1)
            while shifted(earlier, period, self.zone, 1) < moment:
                earlier += timedelta(days=1)
            yield earlier
        except (OverflowError, ValueError):  # beyond the calendar
            return

    def anniversaries(self, node: nodes.Within, first: date) -> Iterator[datetime]:
        if not isinstance(node.value, nodes.Call) or node.value.name != "anniversary":
            return
        start = instant_of(first, self.zone)
        years = self.now.astimezone(self.zone).year - first.year
        for count in range(max(years, 1), years + 3):
            day = shifted(start, nodes.Period(count, "year"), self.zone, 1).astimezone(self.zone).date()
            moment = instant_of(day, self.zone)
            yield moment
            yield from self.around(moment, node.period)
