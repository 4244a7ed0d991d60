"""Data fields: which there are, making and removing one."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import missing
from usher.engage.api.reading import text
from usher.engage.api.v2 import shapes
from usher.engage.contacts.fields import create_field, remove_field
from usher.engage.errors import EngageError
from usher.engage.models import Account, DataField
from usher.engage.programs.uses import campaigns_reading, programs_reading, segments_reading


def listed(call: Call) -> HttpResponse:
    rows = DataField.objects.filter(account=call.account).order_by("pk")
    return reply([shapes.data_field(row) for row in rows])


def create(call: Call) -> HttpResponse:
    made = create_field(
        call.account,
        text(call.fields.get("name"), "Name", "ERROR_DATAFIELD_INVALID"),
        str(call.fields.get("type") or "String"),
        str(call.fields.get("visibility") or "Private"),
        call.fields.get("defaultvalue"),
    )
    return reply(shapes.data_field(made), 201)


def delete(call: Call, name: str) -> HttpResponse:
    """A field that a campaign personalises with, or that a rule asks for, stays.

    The reply names campaigns and segments; it has no word for programs, which keep the field all the same.
    """
    upper = name.strip().upper()
    dependencies = _dependencies(call.account, upper)
    if dependencies or programs_reading(call.account, upper):
        return reply({"result": False, "dependencies": dependencies})
    try:
        removed = remove_field(call.account, name)
    except EngageError as problem:
        raise missing(problem.token) from None
    return reply({"result": removed, "dependencies": None})


def _dependencies(account: Account, name: str) -> list[dict[str, Any]]:
    found = [("Campaign", row.pk) for row in campaigns_reading(account, name)]
    found += [("AddressBook", row.pk) for row in segments_reading(account, name)]
    return [{"type": kind, "objectId": number} for kind, number in found]
