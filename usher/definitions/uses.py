"""Who depends on an audience, a tag group or a computed field: every room is asked before one goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from usher import rules
from usher.audiences import rulebook
from usher.audiences.models import Audience, ComputedField, TagGroup
from usher.engage.models import Campaign, Program, ProgramVersion
from usher.engage.programs.versions import current, graph_of
from usher.rules import RuleError
from usher.seeds.models import SeedPlan
from usher.syncs.models import Sync


@dataclass(frozen=True)
class Use:
    """Something that depends on it: `kind` and `name` say what, `how` says where it stands there."""

    kind: str
    name: str
    how: str

    def __str__(self) -> str:
        return f"{self.kind} “{self.name}” ({self.how})"


def uses(audience: Audience) -> list[Use]:
    """All that depends on an audience: rules, syncs, programs, campaigns, seeds."""
    return [
        *_rules(audience),
        *_syncs(audience),
        *(_of_data_field(f"TAG_{audience.name}") if audience.is_tag else ()),
    ]


def uses_of_group(group: TagGroup) -> list[Use]:
    """The tags in a group, and the syncs that take it."""
    tags = [Use(_kind(tag), tag.name, "is in it") for tag in group.tags.all()]
    takers = Sync.objects.filter(tag_groups__contains=[group.name])
    return [*tags, *(Use("sync", sync.name, "its tag_groups") for sync in takers)]


def uses_of_field(field: ComputedField) -> list[Use]:
    """The syncs that take a computed field."""
    return [
        Use("sync", sync.name, "its fields")
        for sync in Sync.objects.all()
        if field.name in sync.fields.values()
    ]


def _kind(thing: Audience | ComputedField) -> str:
    return Audience.Kind(thing.kind).label if isinstance(thing, Audience) else "computed field"


def _rules(audience: Audience) -> Iterator[Use]:
    for thing in rulebook.dependents(audience):
        yield Use(_kind(thing), thing.name, "its rule" if isinstance(thing, Audience) else "its value")


def _syncs(audience: Audience) -> Iterator[Use]:
    group = audience.group.name if audience.group else None
    for sync in Sync.objects.select_related("audience"):
        if sync.audience_id == audience.pk:
            yield Use("sync", sync.name, "whom it takes")
        if audience.is_tag and audience.name in sync.tags:
            yield Use("sync", sync.name, "its tags")
        if group is not None and group in sync.tag_groups:
            yield Use("sync", sync.name, f"its tag group “{group}”")


def _of_data_field(name: str) -> Iterator[Use]:
    """What in the engine reads the data field that a tag becomes; names in any letter case."""
    for program in Program.objects.order_by("name"):
        asked = {place for version in _walked(program) for place in graph_of(version).rules()}
        places = sorted({where for where, rule in asked if _reads(rule, name)})
        yield from (Use("program", program.name, where) for where in places)
    written = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    for campaign in Campaign.objects.order_by("name"):
        if any(map(written.search, (campaign.subject, campaign.html, campaign.text))):
            yield Use("campaign", campaign.name, "its content")
    for plan in SeedPlan.objects.order_by("name"):
        if name.upper() in map(str.upper, plan.fields):
            yield Use("seed plan", plan.name, "its fields")


def _walked(program: Program) -> Iterator[ProgramVersion]:
    """The version that people enter, and those that some are still inside."""
    newest = current(program)
    if newest:
        yield newest
    for version in program.versions.filter(enrolments__left_at=None).exclude(enrolments=None).distinct():
        if version != newest:
            yield version


def _reads(rule: str, name: str) -> bool:
    try:
        columns = rules.references(rules.parse(rule)).columns
    except RuleError:
        return False
    return name.upper() in map(str.upper, columns)
