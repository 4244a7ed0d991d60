"""All rules and computed fields, read, checked against the data, and put in the order they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings

from usher import rules
from usher.audiences.errors import InUseError
from usher.audiences.models import Audience, ComputedField
from usher.sources.open import stored_schema

#: Whose members a person names.
_BY_HAND = (Audience.Kind.TAG, Audience.Kind.STATIC_LIST)
#: How rules call an audience: ("tag", "STAFF").
Name = tuple[str, str]


@dataclass(frozen=True)
class Entry:
    """One rule or expression with what it belongs to."""

    thing: Audience | ComputedField
    node: rules.Node

    @cached_property
    def column(self) -> str:
        """Its column in selections and bases."""
        return f"{'a' if isinstance(self.thing, Audience) else 'f'}_{self.thing.pk}"

    @property
    def text(self) -> str:
        return self.thing.rule if isinstance(self.thing, Audience) else self.thing.expression

    @cached_property
    def needs(self) -> set[Name]:
        """The tags, segments and audiences that it speaks of."""
        return names_in(self.node)


@dataclass(frozen=True)
class Unfit:
    """A rule that cannot be evaluated, and why."""

    thing: Audience | ComputedField
    reason: str


@dataclass(frozen=True)
class Rulebook:
    """`levels`: what stands in one level can be selected together; it speaks only of earlier levels."""

    schema: rules.Schema
    by_hand: tuple[Audience, ...]
    levels: tuple[tuple[Entry, ...], ...]
    unfit: tuple[Unfit, ...] = ()


def titled(thing: Audience | ComputedField) -> str:
    """How a message speaks of it: auto tag “LAPSED”."""
    kind = Audience.Kind(thing.kind).label if isinstance(thing, Audience) else "computed field"
    return f"{kind} “{thing.name}”"


def with_names(schema: rules.Schema, audiences: Iterable[Audience]) -> rules.Schema:
    """The schema of the sources, in which rules may also speak of these tags and lists."""
    known = list(audiences)
    return replace(
        schema,
        tags=frozenset(one.name for one in known if one.asked_as == "tag"),
        segments=frozenset(one.name for one in known if one.asked_as == "segment"),
        audiences=frozenset(one.name for one in known if one.asked_as == "audience"),
        by_hand=frozenset(name_of(one) for one in known if one.kind in _BY_HAND),
    )


def known_schema() -> rules.Schema | None:
    """What rules may speak of, as the last check of the sources saw it; None before the first check."""
    known = stored_schema()
    return with_names(known, Audience.objects.all()) if known else None


def read(schema: rules.Schema) -> Rulebook:
    """Every rule that is defined; what does not fit the data is set aside, with all that needs it."""
    audiences = list(Audience.objects.order_by("pk"))
    named = with_names(schema, audiences)
    found = [_entry(one, one.rule, named) for one in audiences if one.has_rule]
    found += [_entry(one, one.expression, named) for one in ComputedField.objects.order_by("pk")]
    by_hand = tuple(one for one in audiences if not one.has_rule)
    unfit = [one for one in found if isinstance(one, Unfit)]
    levels = tuple(_levels([one for one in found if isinstance(one, Entry)], by_hand, unfit))
    return Rulebook(named, by_hand, levels, tuple(unfit))


def set_aside(entries: Iterable[Entry], unfit: list[Unfit]) -> list[Entry]:
    """The entries that need nothing unfit, directly or through others; those that do become unfit too."""
    kept = list(entries)
    while True:
        reasons = {name_of(one.thing): one for one in unfit if isinstance(one.thing, Audience)}
        lost = [entry for entry in kept if entry.needs & reasons.keys()]
        if not lost:
            return kept
        for entry in lost:
            first = reasons[min(entry.needs & reasons.keys())]
            reason = f"needs {titled(first.thing)}, which could not be evaluated: {first.reason}"
            unfit.append(Unfit(entry.thing, reason))
        kept = [entry for entry in kept if entry not in lost]


def dependents(audience: Audience) -> list[Audience | ComputedField]:
    """What speaks of this audience in its rule."""
    things: list[Audience | ComputedField] = [
        *Audience.objects.exclude(pk=audience.pk).exclude(rule=""),
        *ComputedField.objects.all(),
    ]
    return [thing for thing in things if name_of(audience) in _needs_of(thing)]


def circle() -> list[Audience]:
    """Defined audiences whose rules need each other, in that order; none when there is no circle."""
    needs = {name_of(one): _needs_of(one) for one in Audience.objects.all()}
    named = {name_of(one): one for one in Audience.objects.all()}
    done: set[tuple[str, str]] = set()
    for start in sorted(needs):
        path: list[tuple[str, str]] = []
        stack = [(start, False)]
        while stack:
            name, left = stack.pop()
            if left:
                done.add(path.pop())
            elif name in path:
                return [named[one] for one in path[path.index(name) :]]
            elif name in needs and name not in done:
                path.append(name)
                stack += [(name, True), *((need, False) for need in sorted(needs[name]))]
    return []


def delete(audience: Audience) -> None:
    """Remove an audience with its history; InUseError when another rule speaks of it."""
    users = dependents(audience)
    if users:
        named = ", ".join(titled(user) for user in users)
        raise InUseError(f"{titled(audience)} is used by {named}; change that first")
    audience.delete()


def expired(audience: Audience, moment: datetime) -> bool:
    """Whether an evaluation as of `moment` gives it no members: its day came, and nothing depended on it.

    The gains and losses that come of it have the cause "expired".
    """
    if audience.expired_at is None or audience.expires_on is None:
        return False
    return audience.expires_on <= moment.astimezone(ZoneInfo(settings.TIME_ZONE)).date()


def _needs_of(thing: Audience | ComputedField) -> set[tuple[str, str]]:
    """What it speaks of; nothing, when it has no rule or one that cannot be read."""
    try:
        return names_in(_parsed(thing)) if isinstance(thing, ComputedField) or thing.rule else set()
    except rules.RuleError:
        return set()


@lru_cache(10_000)
def _read(text: str) -> rules.Node:
    """What a rule says; most are read again every night as they were."""
    return rules.parse(text)


def _parsed(thing: Audience | ComputedField) -> rules.Node:
    return _read(thing.rule if isinstance(thing, Audience) else thing.expression)


def _entry(thing: Audience | ComputedField, text: str, schema: rules.Schema) -> Entry | Unfit:
    try:
        node = _read(text)
    except rules.RuleError as problem:
        return Unfit(thing, str(problem))
    problems = problems_of(thing, node, schema)
    return Unfit(thing, str(problems[0])) if problems else Entry(thing, node)


def problems_of(
    thing: Audience | ComputedField, node: rules.Node, schema: rules.Schema
) -> Sequence[rules.Problem]:
    """What in a rule does not fit the data; an audience needs a condition, a field any value."""
    return rules.check(node, schema, condition=isinstance(thing, Audience))


def name_of(audience: Audience) -> Name:
    """How rules call it."""
    return (audience.asked_as, audience.name)


def names_in(node: rules.Node) -> set[Name]:
    """The tags, segments and audiences that a rule speaks of."""
    found = rules.references(node)
    named = {"tag": found.tags, "segment": found.segments, "audience": found.audiences}
    return {(kind, name) for kind, names in named.items() for name in names}


def _levels(
    entries: Sequence[Entry], by_hand: Sequence[Audience], unfit: list[Unfit]
) -> Iterable[tuple[Entry, ...]]:
    ready = {name_of(audience) for audience in by_hand}
    waiting = set_aside(entries, unfit)
    while waiting:
        level = tuple(entry for entry in waiting if entry.needs <= ready)
        if level:
            yield level
            ready |= {name_of(entry.thing) for entry in level if isinstance(entry.thing, Audience)}
        else:
            level = tuple(_circle({entry: entry.needs for entry in waiting}))
            circle = ", ".join(titled(entry.thing) for entry in level)
            reason = f"these rules need each other, so none can be first: {circle}"
            unfit += [Unfit(entry.thing, reason) for entry in level]
        waiting = set_aside([entry for entry in waiting if entry not in level], unfit)


def _circle(waiting: Mapping[Entry, set[tuple[str, str]]]) -> list[Entry]:
    """One circle among the rules that wait for each other: follow needs until one comes again."""
    named = {name_of(entry.thing): entry for entry in waiting if isinstance(entry.thing, Audience)}
    path = [next(iter(waiting))]
    while True:
        following = min(need for need in waiting[path[-1]] if need in named)
        if named[following] in path:
            return path[path.index(named[following]) :]
        path.append(named[following])
