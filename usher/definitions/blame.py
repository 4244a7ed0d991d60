"""Of definitions that could not be applied: what is wrong itself, what goes in a circle, what only waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from usher import rules
from usher.audiences import definitions as audiences
from usher.audiences import rulebook
from usher.audiences.models import Audience, ComputedField
from usher.definitions.errors import DefinitionsError, Fault
from usher.definitions.read import Definition
from usher.definitions.sections import KINDS
from usher.lib.changes import DefinitionError, NotCheckedError
from usher.sources.errors import SourceError
from usher.sources.open import open_tables, stored_schema


@dataclass(frozen=True)
class Failed:
    """A definition, and why it could not be applied by itself."""

    definition: Definition
    error: DefinitionError

    @property
    def titled(self) -> str:
        return f"{self.error.kind} “{self.error.name}”" if self.error.name else self.error.kind

    @property
    def audience(self) -> Audience | None:
        """The audience that it would have made; none for what is no audience."""
        one = self.definition
        kind = KINDS.get(one.section)
        return Audience(name=one.name, kind=kind, rule=audiences.rule_in(one.body)) if kind else None

    @property
    def node(self) -> rules.Node | None:
        """Its rule or expression; none where that is not what failed, or where it cannot be read."""
        if self.error.field not in ("rule", "value"):
            return None
        try:
            return rules.parse(audiences.rule_in(self.definition.body))
        except rules.RuleError:
            return None

    def fault(self, message: str = "") -> Fault:
        return Fault(str(self.definition.file), self.definition.line, message or str(self.error))


def blamed(failed: Sequence[Failed]) -> DefinitionsError:
    """What a person has to mend, without what is only said because something else failed."""
    needs = {place: _needs(one, failed) for place, one in enumerate(failed)}
    faults = _own(failed, needs)
    waiting = {place: needs[place] - faults.keys() for place in needs if place not in faults}
    for circle in _circles(waiting):
        named = ", ".join(failed[place].titled for place in circle)
        first = failed[circle[0]]
        said = f"these rules need each other, so none can be first: {named}"
        faults[circle[0]] = first.fault(
            str(DefinitionError(first.error.kind, first.error.name, "rule", said))
        )
        waiting = {place: need for place, need in waiting.items() if place not in circle}
    if not faults:
        return DefinitionsError([one.fault() for one in failed])
    return DefinitionsError(
        [faults[place] for place in sorted(faults)], [failed[place].titled for place in waiting]
    )


def _needs(one: Failed, failed: Sequence[Failed]) -> set[int]:
    """Which of the others it speaks of, by place; itself, when a rule does that."""
    node = one.node
    if node is None:
        return {
            place
            for place, other in enumerate(failed)
            if other is not one and f"“{other.definition.name}”" in one.error.message
        }
    asked = rulebook.names_in(node)
    return {
        place
        for place, other in enumerate(failed)
        if (made := other.audience) and rulebook.name_of(made) in asked
    }


def _own(failed: Sequence[Failed], needs: Mapping[int, set[int]]) -> dict[int, Fault]:
    """Place -> what is wrong with a definition itself, also if all that it speaks of were there."""
    no_data = any(one.definition.section == "sources" for one in failed)
    schema = None if no_data else _schema(failed)
    found: dict[int, Fault] = {}
    told: set[str] = set()
    for place, one in enumerate(failed):
        node, problem = one.node, one.error
        if isinstance(problem, NotCheckedError):
            if not no_data and problem.message not in told:
                found[place] = one.fault()
                told.add(problem.message)
        elif node and schema:
            thing = one.audience or ComputedField(expression=audiences.rule_in(one.definition.body))
            misfits = rulebook.problems_of(thing, node, schema)
            if misfits:
                message = audiences.misfit(thing, misfits)
                found[place] = one.fault(
                    str(DefinitionError(problem.kind, problem.name, problem.field, message))
                )
            elif not needs[place]:
                found[place] = one.fault()
        elif not needs[place] and not (node and no_data):
            found[place] = one.fault()
    return found


def _schema(failed: Sequence[Failed]) -> rules.Schema | None:
    """What rules could speak of if all audiences of the folder were there."""
    try:
        with open_tables() as opened:
            known: rules.Schema | None = opened.schema
    except SourceError:
        known = stored_schema()
    coming = [made for one in failed if (made := one.audience)]
    return rulebook.with_names(known, [*Audience.objects.all(), *coming]) if known else None


def _circles(needs: Mapping[int, set[int]]) -> list[list[int]]:
    """Those that need each other, each group in the order of needing, from its first place on."""
    left, found = dict(needs), []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as circle:
            places = circle.args[1][:0:-1]
            start = places.index(min(places))
            found.append(places[start:] + places[:start])
            left = {place: need for place, need in left.items() if place not in places}
        else:
            return found
