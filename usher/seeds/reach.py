"""The calls made to a plan's destination: put a seed there, find it, ask where its mail is.

Each may raise usher.lib.http.OutsideError.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from usher.destinations.base import FieldType, Platform
from usher.seeds.models import SEED_FIELD, Placement, SeedPlan


def add(plan: SeedPlan, address: str) -> str:
    """Put one seed on the plan's list by a single add, with its field values; the contact's id.

    Only a single add starts the list's join actions: a bulk import never does.
    """
    values = plan.fields | {SEED_FIELD: True}
    with plan.destination.connect() as platform:
        list_id = platform.ensure_list(plan.list_name)
        _ensure_fields(platform, values)
        return platform.add_one(list_id, address, values).id


def find(plan: SeedPlan, address: str) -> str | None:
    """The contact's id, None if there is no such contact."""
    with plan.destination.connect() as platform:
        contact = platform.contact(address)
    return contact.id if contact else None


def trace(placement: Placement) -> dict[str, Any] | None:
    """The seed's enrolments and messages, hop by hop; None where the platform does not tell."""
    with placement.path.plan.destination.connect() as platform:
        return platform.trace(placement.address)


def _ensure_fields(platform: Platform, values: Mapping[str, Any]) -> None:
    there = platform.fields()
    for name, value in values.items():
        if name.upper() not in there:
            platform.ensure_field(name, _kind(value))


def _kind(value: object) -> FieldType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "date" if _is_date(value) else "text"


def _is_date(value: object) -> bool:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return True
