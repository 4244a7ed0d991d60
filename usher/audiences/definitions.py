"""Tags, lists, fields and the schedule in definition files: their YAML, applying it, writing it out again."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Model, Q
from pydantic import BaseModel, ConfigDict, Field

from usher import rules
from usher.audiences import rulebook, tagging
from usher.audiences.errors import AudienceError
from usher.audiences.models import Assignment, Audience, ComputedField, EvaluationSchedule, TagGroup
from usher.lib import schedule
from usher.lib.changes import Change, DefinitionError, written
from usher.sources.errors import SourceError
from usher.sources.open import open_tables, stored_schema

Kind = Audience.Kind


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TagGroupBody(Body):
    description: str = ""


class TagBody(Body):
    """A tag put by hand; `members` are the keys that the definition puts it on."""

    group: str | None = None
    description: str = ""
    owner: str = ""
    members: list[str | int] = Field(default_factory=list)


class AutoTagBody(Body):
    group: str | None = None
    description: str = ""
    owner: str = ""
    rule: str


class CustomerListBody(Body):
    description: str = ""
    owner: str = ""
    rule: str


class ComputedFieldBody(Body):
    value: str


class EvaluationBody(Body):
    """A time of day ("06:00") or a cron line, in the installation's time zone."""

    schedule: str


#: In the order of applying: what comes later may speak of what came before.
SECTIONS: dict[str, type[BaseModel]] = {
    "tag_groups": TagGroupBody,
    "tags": TagBody,
    "auto_tags": AutoTagBody,
    "customer_lists": CustomerListBody,
    "computed_fields": ComputedFieldBody,
    "evaluation": EvaluationBody,
}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make one definition so; DefinitionError keeps everything as it was. Twice is as once."""
    with transaction.atomic():
        match body:
            case TagGroupBody():
                return _save("tag group", name, TagGroup, {"name": name}, body.model_dump())
            case TagBody():
                return _apply_tag(name, body, by, now)
            case AutoTagBody():
                return _apply_auto_tag(name, body)
            case CustomerListBody():
                return _apply_rule("customer list", Kind.CUSTOMER_LIST, name, body, {"rule": body.rule})
            case ComputedFieldBody():
                return _apply_field(name, body)
            case EvaluationBody():
                return _apply_schedule(body)
    raise TypeError(section)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every definition of a section as its YAML body; what is empty is left out."""
    return _EXPORTS[section]()


def _apply_tag(name: str, body: TagBody, by: str, now: datetime) -> Change:
    _demand_tag_name("tag", name)
    change = _save_audience("tag", Kind.TAG, name, body, {"group": _group("tag", name, body.group)})
    put = Audience.objects.get(name=name, kind=Kind.TAG)
    members = {str(key) for key in body.members}
    cause = Assignment.Cause.DEFINITION
    defined = put.assignments.filter(removed_at=None, cause=cause).values_list("key", flat=True)
    changed = tagging.untag(put, set(defined) - members, by=by, at=now, cause=cause)
    changed += tagging.tag(put, members, by=by, at=now, cause=cause)
    fields = [*change.fields, "members"] if changed else change.fields
    return written("tag", name, change.action == "created", fields)


def _apply_auto_tag(name: str, body: AutoTagBody) -> Change:
    _demand_tag_name("auto tag", name)
    more = {"rule": body.rule, "group": _group("auto tag", name, body.group)}
    return _apply_rule("auto tag", Kind.AUTO_TAG, name, body, more)


def _apply_rule(
    title: str, kind: Audience.Kind, name: str, body: AutoTagBody | CustomerListBody, values: dict[str, Any]
) -> Change:
    node = _parsed(title, name, "rule", body.rule)
    _demand_fit(title, name, "rule", Audience(name=name, kind=kind), node)
    change = _save_audience(title, kind, name, body, values)
    found = rules.references(node)
    if change.action != "unchanged" and (found.tags or found.audiences):
        _demand_no_circle(title, name)
    return change


def _apply_field(name: str, body: ComputedFieldBody) -> Change:
    node = _parsed("computed field", name, "value", body.value)
    schema = _demand_fit("computed field", name, "value", ComputedField(name=name), node)
    values = {"expression": body.value, "type": rules.type_of(node, schema)}
    return _save("computed field", name, ComputedField, {"name": name}, values)


def _apply_schedule(body: EvaluationBody) -> Change:
    try:
        line = schedule.cron(body.schedule)
    except schedule.ScheduleError as problem:
        raise DefinitionError("evaluation", "", "schedule", str(problem)) from None
    return _save("evaluation", "schedule", EvaluationSchedule, {"id": 1}, {"cron": line})


def _save_audience(
    title: str,
    kind: Audience.Kind,
    name: str,
    body: TagBody | AutoTagBody | CustomerListBody,
    values: dict[str, Any],
) -> Change:
    lists = Q(kind=Kind.CUSTOMER_LIST)
    same = Audience.objects.filter(lists if kind == Kind.CUSTOMER_LIST else ~lists, name__iexact=name)
    taken = same.exclude(name=name, kind=kind).first()
    if taken:
        raise DefinitionError(title, name, "", f"the name is taken by {rulebook.titled(taken)}")
    values |= {"description": body.description, "owner": body.owner}
    return _save(title, name, Audience, {"name": name, "kind": kind}, values)


def _save(
    title: str, name: str, model: type[Model], lookup: dict[str, Any], values: dict[str, Any]
) -> Change:
    """Create the row, or write what differs."""
    row, created = model._default_manager.get_or_create(**lookup, defaults=values)
    fields = [] if created else [field for field, value in values.items() if getattr(row, field) != value]
    for field in fields:
        setattr(row, field, values[field])
    if fields:
        row.save(update_fields=fields)
    return written(title, name, created, fields)


def _demand_tag_name(title: str, name: str) -> None:
    """A tag becomes the data field TAG_<NAME> of a platform, whose names have 20 characters at most."""
    if not re.fullmatch(r"[A-Z0-9_]{1,16}", name):
        raise DefinitionError(
            title,
            name,
            "name",
            "a tag's name has 1 to 16 characters out of A-Z, 0-9 and _ (no spaces), because it is synced as"
            f" the data field TAG_{name}",
        )


def _group(title: str, name: str, group: str | None) -> TagGroup | None:
    if group is None:
        return None
    found = TagGroup.objects.filter(name=group).first()
    if found is None:
        near = difflib.get_close_matches(group, TagGroup.objects.values_list("name", flat=True), n=1)
        hint = f"; did you mean “{near[0]}”?" if near else ""
        raise DefinitionError(title, name, "group", f"there is no tag group “{group}”{hint}")
    return found


def _parsed(title: str, name: str, field: str, text: str) -> rules.Node:
    try:
        return rules.parse(text)
    except rules.RuleError as problem:
        raise DefinitionError(title, name, field, str(problem)) from None


def _demand_fit(
    title: str, name: str, field: str, thing: Audience | ComputedField, node: rules.Node
) -> rules.Schema:
    """The schema that the rule fits; DefinitionError with position and suggestion when it does not.

    Columns may be newer than the last check: before a rule is refused, the data are looked at.
    """
    named = rulebook.known_schema()
    if named and not rulebook.problems_of(thing, node, named):
        return named
    try:
        with open_tables() as opened:
            named = rulebook.with_names(opened.schema, Audience.objects.all())
    except SourceError as problem:
        raise DefinitionError(title, name, field, f"cannot be checked: {problem}") from None
    problems = rulebook.problems_of(thing, node, named)
    if problems:
        text = thing.rule if isinstance(thing, Audience) else thing.expression
        shown = "; ".join(f"{one} (character {one.start + 1})" for one in problems)
        raise DefinitionError(title, name, field, shown + (f"\n  {text}" if text else ""))
    return named


def _demand_no_circle(title: str, name: str) -> None:
    schema = stored_schema()
    if schema is None:
        return
    try:
        rulebook.read(schema)
    except AudienceError as problem:
        raise DefinitionError(title, name, "rule", str(problem)) from None


def _tag_groups() -> dict[str, dict[str, Any]]:
    return {one.name: _filled(description=one.description) for one in TagGroup.objects.all()}


def _tags() -> dict[str, dict[str, Any]]:
    """Only what definitions put: what people and imports put is data, not definition."""
    keys: dict[int, list[str]] = {}
    put = Assignment.objects.filter(removed_at=None, cause=Assignment.Cause.DEFINITION)
    for audience, key in put.order_by("key").values_list("audience_id", "key"):
        keys.setdefault(audience, []).append(key)
    return {one.name: _described(one, members=keys.get(one.pk)) for one in _of_kind(Kind.TAG)}


def _auto_tags() -> dict[str, dict[str, Any]]:
    return {one.name: _described(one, rule=one.rule) for one in _of_kind(Kind.AUTO_TAG)}


def _customer_lists() -> dict[str, dict[str, Any]]:
    return {one.name: _described(one, rule=one.rule) for one in _of_kind(Kind.CUSTOMER_LIST)}


def _computed_fields() -> dict[str, dict[str, Any]]:
    return {one.name: {"value": one.expression} for one in ComputedField.objects.all()}


def _evaluation() -> dict[str, dict[str, Any]]:
    row = EvaluationSchedule.objects.first()
    return {"evaluation": {"schedule": row.cron}} if row else {}


_EXPORTS: Mapping[str, Callable[[], dict[str, dict[str, Any]]]] = {
    "tag_groups": _tag_groups,
    "tags": _tags,
    "auto_tags": _auto_tags,
    "customer_lists": _customer_lists,
    "computed_fields": _computed_fields,
    "evaluation": _evaluation,
}


def _of_kind(kind: Audience.Kind) -> Iterable[Audience]:
    # in the order they were made: what a rule speaks of stands before it
    return Audience.objects.filter(kind=kind).select_related("group").order_by("pk")


def _described(one: Audience, **more: object) -> dict[str, Any]:
    group = one.group.name if one.group else None
    return _filled(group=group, description=one.description, owner=one.owner, **more)


def _filled(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
