"""The calls made to a plan's destination: put a seed there, find it, ask where its mail is.

Each may raise usher.lib.http.OutsideError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

from usher.destinations.base import FieldType, Platform
from usher.seeds.models import SEED_FIELD, Placement, SeedPlan


class Reach:
    """`with Reach() as reach`: one connection for each destination, opened when it is first needed."""

    def __init__(self) -> None:
        self._connections = ExitStack()
        self._platforms: dict[int, Platform] = {}
        self._lists: dict[int, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def add(self, plan: SeedPlan, address: str) -> str:
        """Put one seed on the plan's list by a single add, with its field values; the contact's id.

        Only a single add starts the list's join actions: a bulk import never does.
        """
        platform, values = self._platform(plan), plan.fields | {SEED_FIELD: True}
        if plan.pk not in self._lists:
            _ensure_fields(platform, values)
            self._lists[plan.pk] = platform.ensure_list(plan.list_name)
        return platform.add_one(self._lists[plan.pk], address, values).id

    def find(self, plan: SeedPlan, address: str) -> str | None:
        """The contact's id, None if there is no such contact."""
        contact = self._platform(plan).contact(address)
        return contact.id if contact else None

    def trace(self, placement: Placement) -> dict[str, Any] | None:
        """The seed's enrolments and messages, hop by hop; None where the platform does not tell."""
        return self._platform(placement.path.plan).trace(placement.address)

    def _platform(self, plan: SeedPlan) -> Platform:
        key = plan.destination_id
        if key not in self._platforms:
            self._platforms[key] = self._connections.enter_context(plan.destination.connect())
        return self._platforms[key]


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
    return "date" if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)) else "text"
