"""Tags, lists, fields and the schedule in definition files: their YAML, applying it, writing it out again."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Model
from pydantic import BaseModel

from usher import rules
from usher.audiences import areas, exporting, matching, naming, rulebook, tagging
from usher.audiences.bodies import (
    AudienceBody,
    AutoTagBody,
    ComputedFieldBody,
    CustomerListBody,
    EvaluationBody,
    ExternalAudienceBody,
    SegmentBody,
    StaticListBody,
    TagBody,
    TagGroupBody,
)
from usher.audiences.errors import AudienceError
from usher.audiences.models import Assignment, Audience, ComputedField, EvaluationSchedule, TagGroup
from usher.lib import schedule
from usher.lib.changes import Change, DefinitionError, NotCheckedError, written
from usher.sources.errors import SourceError
from usher.sources.open import open_tables

Kind = Audience.Kind


#: In the order of applying: what comes later may speak of what came before. (Where an earlier one speaks of a
#: later one, a folder is gone through again.)
SECTIONS: dict[str, type[BaseModel]] = {
    "tag_groups": TagGroupBody,
    "tags": TagBody,
    "static_lists": StaticListBody,
    "external_audiences": ExternalAudienceBody,
    "segments": SegmentBody,
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
                return _apply_group(name, body)
            case TagBody():
                group = _group("tag", name, body.group)
                return _apply_by_hand(Kind.TAG, name, body, {"group": group}, body.members, by, now)
            case StaticListBody():
                return _apply_by_hand(Kind.STATIC_LIST, name, body, {}, body.members, by, now)
            case ExternalAudienceBody():
                return _save_audience(Kind.EXTERNAL, name, body, {})
            case SegmentBody():
                return _apply_rule(Kind.SEGMENT, name, body, {"rule": body.rule})
            case AutoTagBody():
                group = _group("auto tag", name, body.group)
                return _apply_rule(Kind.AUTO_TAG, name, body, {"rule": body.rule, "group": group})
            case CustomerListBody():
                return _apply_rule(Kind.CUSTOMER_LIST, name, body, {"rule": _rule_of(name, body)})
            case ComputedFieldBody():
                return _apply_field(name, body)
            case EvaluationBody():
                return _apply_schedule(body)
    raise TypeError(section)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every definition of a section as its YAML body; what is empty is left out."""
    return exporting.export(section)


def _apply_group(name: str, body: TagGroupBody) -> Change:
    wrong = naming.group_problem(name, TagGroup.objects.filter(name=name).first())
    if wrong:
        raise DefinitionError("tag group", name, "name", wrong)
    return _save("tag group", name, TagGroup, {"name": name}, body.model_dump())


def _apply_by_hand(
    kind: Audience.Kind,
    name: str,
    body: AudienceBody,
    values: dict[str, Any],
    members: Iterable[str | int],
    by: str,
    now: datetime,
) -> Change:
    """The audience, and the members that the definition itself puts in and takes out again."""
    change = _save_audience(kind, name, body, values)
    put = Audience.objects.get(name=name, kind=kind)
    wanted = {str(key) for key in members}
    unfit = next((key for key in sorted(wanted) if not matching.is_key(key)), None)
    if unfit is not None:
        raise DefinitionError(kind.label, name, "members", f"{unfit[:40]!r} cannot be a customer's key")
    cause = Assignment.Cause.DEFINITION
    defined = put.assignments.filter(removed_at=None, cause=cause).values_list("key", flat=True)
    changed = tagging.untag(put, set(defined) - wanted, by=by, at=now, cause=cause)
    changed += tagging.tag(put, wanted, by=by, at=now, cause=cause)
    fields = [*change.fields, "members"] if changed else change.fields
    return written(kind.label, name, change.action == "created", fields)


def _rule_of(name: str, body: CustomerListBody) -> str:
    """The rule as it was written, or the one that says the same as the areas."""
    try:
        return body.rule or areas.rule_of(body.written())
    except AudienceError as problem:
        raise DefinitionError(Kind.CUSTOMER_LIST.label, name, "areas", str(problem)) from None


def _apply_rule(kind: Audience.Kind, name: str, body: AudienceBody, values: dict[str, Any]) -> Change:
    title, rule = kind.label, values["rule"]
    node = _parsed(title, name, "rule", rule)
    _demand_fit(title, name, "rule", Audience(name=name, kind=kind, rule=rule), node)
    change = _save_audience(kind, name, body, values)
    if change.action != "unchanged":
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


def _save_audience(kind: Audience.Kind, name: str, body: AudienceBody, values: dict[str, Any]) -> Change:
    same = Audience.objects.filter(name=name, kind=kind).first()
    wrong = "" if same else naming.problem(kind, name)
    if wrong:
        raise DefinitionError(kind.label, name, "name", wrong)
    values |= {
        "description": body.description,
        "owner": body.owner,
        "folder": naming.clean_folder(body.folder),
        "expires_on": body.expires_on,
    }
    if same and same.expires_on != body.expires_on:
        values["expired_at"] = None
    return _save(kind.label, name, Audience, {"name": name, "kind": kind}, values)


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
        raise NotCheckedError(title, name, field, f"cannot be checked: {problem}") from None
    problems = rulebook.problems_of(thing, node, named)
    if problems:
        raise DefinitionError(title, name, field, misfit(thing, problems))
    return named


def misfit(thing: Audience | ComputedField, problems: Iterable[rules.Problem]) -> str:
    """What of a rule does not fit the data, and the rule itself below."""
    text = thing.rule if isinstance(thing, Audience) else thing.expression
    shown = "; ".join(f"{one} (character {one.start + 1})" for one in problems)
    return shown + (f"\n  {text}" if text else "")


def rule_in(body: BaseModel) -> str:
    """The rule or expression that a definition gives; empty for one that gives none that can be read."""
    match body:
        case AutoTagBody() | SegmentBody():
            return body.rule
        case ComputedFieldBody():
            return body.value
        case CustomerListBody():
            try:
                return body.rule or areas.rule_of(body.written())
            except AudienceError:
                return ""
    return ""


def _demand_no_circle(title: str, name: str) -> None:
    circle = rulebook.circle()
    if circle:
        named = ", ".join(map(rulebook.titled, circle))
        raise DefinitionError(
            title, name, "rule", f"these rules need each other, so none can be first: {named}"
        )
