"""Data fields: which there are, making and removing one."""

from __future__ import annotations

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import missing
from usher.engage.api.reading import text
from usher.engage.api.v2 import shapes
from usher.engage.contacts.fields import create_field, remove_field
from usher.engage.errors import EngageError
from usher.engage.models import Campaign, DataField


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
    """A field that a campaign still personalises with stays, and the reply names the campaigns."""
    token = f"@{name.strip().upper()}@"
    content = Campaign.objects.filter(account=call.account)
    users = (
        content.filter(html__icontains=token)
        | content.filter(text__icontains=token)
        | content.filter(subject__icontains=token)
    )
    dependencies = [
        {"type": "Campaign", "objectId": one} for one in users.order_by("pk").values_list("pk", flat=True)
    ]
    if dependencies:
        return reply({"result": False, "dependencies": dependencies})
    try:
        removed = remove_field(call.account, name)
    except EngageError as problem:
        raise missing(problem.token) from None
    return reply({"result": removed, "dependencies": None})
