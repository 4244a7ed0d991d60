"""Syncs in definition files: the shape of their YAML, applying it, writing it out again."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from usher.audiences.models import Audience, TagGroup
from usher.destinations.models import Destination
from usher.lib import schedule
from usher.lib.changes import Change, DefinitionError, written
from usher.syncs import ledger, limits
from usher.syncs.models import Sync
from usher.syncs.plan import name_problem

KIND = "sync"


def _share(value: object) -> object:
    """10% is 0.1."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip().removesuffix("%")) / 100
    return value


class GuardBody(BaseModel):
    """Hold a plan that removes more than this share, and more than this many people."""

    model_config = ConfigDict(extra="forbid")

    share: Annotated[float, BeforeValidator(_share)] = Field(0.10, ge=0, le=1)
    floor: int = Field(100, ge=0)


class SyncBody(BaseModel):
    """An audience, a list at a destination, and what is told of each person."""

    model_config = ConfigDict(extra="forbid")

    audience: str
    destination: str
    list_name: str = Field(alias="list", min_length=1, max_length=128)
    fields: dict[str, str] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    tag_groups: list[str] = Field(default_factory=list)
    schedule: str = ""
    guard: GuardBody = Field(default_factory=lambda: GuardBody.model_validate({}))
    create_list: bool = True
    create_fields: bool = True


SECTIONS: dict[str, type[BaseModel]] = {"syncs": SyncBody}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the sync as `body` says. Another list starts afresh; the old one stays as it is."""
    assert isinstance(body, SyncBody), section
    had = Sync.objects.filter(name=name).first()
    wanted = _wanted(name, body)
    if had is None:
        Sync.objects.create(name=name, defined_at=now, **wanted)
        return written(KIND, name, True, ())
    changed = [field for field, value in wanted.items() if getattr(had, field) != value]
    for field in changed:
        setattr(had, field, wanted[field])
    if changed:
        had.save()
    if {"destination", "list_name"} & set(changed):
        ledger.clear(had)
    return written(KIND, name, False, changed)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every sync as its YAML body."""
    return {sync.name: _exported(sync) for sync in Sync.objects.select_related("audience", "destination")}


def _exported(sync: Sync) -> dict[str, Any]:
    body = {
        "audience": sync.audience.name,
        "destination": sync.destination.name,
        "list": sync.list_name,
        "fields": sync.fields,
        "tags": sync.tags,
        "tag_groups": sync.tag_groups,
        "schedule": sync.schedule,
        "guard": {"share": f"{sync.guard_share * 100:g}%", "floor": sync.guard_floor},
        "create_list": sync.create_list,
        "create_fields": sync.create_fields,
    }
    plain = SyncBody(audience="", destination="", list="-").model_dump(by_alias=True) | {
        "guard": {"share": "10%", "floor": 100}
    }
    return {field: value for field, value in body.items() if value != plain[field]}


def _wanted(name: str, body: SyncBody) -> dict[str, Any]:
    """The row's fields; DefinitionError names the one that is wrong."""
    destination = Destination.objects.filter(name=body.destination).first()
    if destination is None:
        known = Destination.objects.values_list("name", flat=True)
        raise DefinitionError(KIND, name, "destination", _unknown("destination", body.destination, known))
    tags = [_tag(name, tag) for tag in body.tags]
    groups = [_group(name, group) for group in body.tag_groups]
    every = Sync(name=name, destination=destination, tags=tags, tag_groups=groups)
    _check_names(name, body.fields, destination)
    for problem in limits.problems(every):
        raise DefinitionError(KIND, name, problem.field, problem.message)
    _check_once(name, [*body.fields, *(f"TAG_{tag}" for tag in every.all_tags)])
    return {
        "audience": _audience(name, body.audience),
        "destination": destination,
        "list_name": body.list_name,
        "fields": body.fields,
        "tags": tags,
        "tag_groups": groups,
        "schedule": _cron(name, body.schedule),
        "guard_share": body.guard.share,
        "guard_floor": body.guard.floor,
        "create_list": body.create_list,
        "create_fields": body.create_fields,
    }


def _audience(name: str, audience: str) -> Audience:
    """A list by this name, else a tag, else a segment."""
    found = list(Audience.objects.filter(name__iexact=audience))
    if not found:
        known = Audience.objects.values_list("name", flat=True)
        raise DefinitionError(KIND, name, "audience", _unknown("audience", audience, known))
    return min(found, key=lambda one: ("audience", "tag", "segment").index(one.asked_as))


def _tag(name: str, tag: str) -> str:
    known = {one.name.lower(): one.name for one in Audience.objects.all() if one.is_tag}
    if tag.lower() not in known:
        raise DefinitionError(KIND, name, "tags", _unknown("tag", tag, known.values()))
    return known[tag.lower()]


def _group(name: str, group: str) -> str:
    known = {one.lower(): one for one in TagGroup.objects.values_list("name", flat=True)}
    if group.lower() not in known:
        raise DefinitionError(KIND, name, "tag_groups", _unknown("tag group", group, known.values()))
    return known[group.lower()]


def _check_names(name: str, data_fields: Iterable[str], destination: Destination) -> None:
    for data_field in data_fields:
        problem = name_problem(data_field, destination.platform.capabilities)
        if problem:
            raise DefinitionError(KIND, name, "fields", problem)


def _check_once(name: str, data_fields: list[str]) -> None:
    twice = [one for one, times in Counter(field.upper() for field in data_fields).items() if times > 1]
    if twice:
        raise DefinitionError(
            KIND, name, "fields", f"{twice[0]} is filled twice; letter case makes no difference"
        )


def _cron(name: str, text: str) -> str:
    try:
        return schedule.cron(text) if text else ""
    except schedule.ScheduleError as problem:
        raise DefinitionError(KIND, name, "schedule", str(problem)) from None


def _unknown(noun: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, cutoff=0.5)
    hint = f"did you mean “{near[0]}”?" if near else "define it first"
    return f"there is no {noun} “{name}”; {hint}"
