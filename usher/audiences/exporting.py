"""Audiences, fields and the schedule as the YAML that defines them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from usher.audiences.models import Assignment, Audience, ComputedField, EvaluationSchedule, TagGroup

Kind = Audience.Kind


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every definition of a section as its body; what is empty is left out.

    Members that people, files and other systems put in are data and no definition; so are frozen lists.
    """
    return _EXPORTS[section]()


def _tag_groups() -> dict[str, dict[str, Any]]:
    return {one.name: _filled(description=one.description) for one in TagGroup.objects.all()}


def _audiences(kind: Audience.Kind) -> dict[str, dict[str, Any]]:
    """In the order in which they were made: what a rule speaks of stands before it."""
    put = _put_by_definition(kind)
    return {one.name: _body(one, put.get(one.pk)) for one in _of_kind(kind)}


def _of_kind(kind: Audience.Kind) -> list[Audience]:
    return list(Audience.objects.filter(kind=kind).select_related("group").order_by("pk"))


def _put_by_definition(kind: Audience.Kind) -> dict[int, list[str]]:
    keys: dict[int, list[str]] = {}
    put = Assignment.objects.filter(
        audience__kind=kind, removed_at=None, cause=Assignment.Cause.DEFINITION
    ).order_by("key")
    for audience, key in put.values_list("audience_id", "key"):
        keys.setdefault(audience, []).append(key)
    return keys


def _body(one: Audience, members: list[str] | None) -> dict[str, Any]:
    return _filled(
        group=one.group.name if one.group else None,
        folder=one.folder,
        description=one.description,
        owner=one.owner,
        expires_on=one.expires_on,
        members=members,
        rule=one.rule,
    )


def _computed_fields() -> dict[str, dict[str, Any]]:
    return {one.name: {"value": one.expression} for one in ComputedField.objects.all()}


def _evaluation() -> dict[str, dict[str, Any]]:
    row = EvaluationSchedule.objects.first()
    return {"evaluation": {"schedule": row.cron}} if row else {}


def _filled(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


_EXPORTS: Mapping[str, Callable[[], dict[str, dict[str, Any]]]] = {
    "tag_groups": _tag_groups,
    "tags": partial(_audiences, Kind.TAG),
    "static_lists": partial(_audiences, Kind.STATIC_LIST),
    "external_audiences": partial(_audiences, Kind.EXTERNAL),
    "segments": partial(_audiences, Kind.SEGMENT),
    "auto_tags": partial(_audiences, Kind.AUTO_TAG),
    "customer_lists": partial(_audiences, Kind.CUSTOMER_LIST),
    "computed_fields": _computed_fields,
    "evaluation": _evaluation,
}
