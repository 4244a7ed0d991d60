"""Audiences: made, read, changed, deleted, filled and emptied, by the ids of the system that keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import ApiError
from usher.engage.lists import external
from usher.engage.models import ContactList
from usher.engage.models.lists import ListKind


def create(call: Call) -> HttpResponse:
    body = call.fields
    made = external.create(
        call.account, _text(body, "externalid"), _text(body, "name"), _text(body, "description"), call.now
    )
    return reply(shape(made))


def get(call: Call, external_id: str) -> HttpResponse:
    return reply(shape(known(call, external_id)))


def change(call: Call, external_id: str) -> HttpResponse:
    """The id in the body has to be the path's; without one it is taken for granted."""
    body = call.fields
    found = known(call, external_id)
    if "externalid" in body and str(body["externalid"]) != external_id:
        raise ApiError(400, "INVALID_PARAMS", "The externalId of the body is not that of the path.")
    description = _text(body, "description") if "description" in body else found.description
    return reply(shape(external.change(found, _text(body, "name"), description, call.now)))


def delete(call: Call, external_id: str) -> HttpResponse:
    external.delete(known(call, external_id))
    return empty()


def add(call: Call, external_id: str) -> HttpResponse:
    found = known(call, external_id)
    external.add(found, _members(call.body) or [], call.now)
    return empty()


def remove(call: Call, external_id: str) -> HttpResponse:
    """Without a body, or with null, everybody; an empty list removes nobody."""
    found = known(call, external_id)
    sent = call.body if call.request.body.strip() else None
    external.remove(found, None if sent is None else _members(sent), call.now)
    return empty()


def known(call: Call, external_id: str) -> ContactList:
    rows = ContactList.objects.filter(account=call.account, kind=ListKind.EXTERNAL)
    found = rows.filter(external_id=external_id).first()
    if found is None:
        raise ApiError(404, "RESOURCE_NOT_FOUND", f"There is no audience with the id “{external_id}”.")
    found.account = call.account
    return found


def shape(row: ContactList) -> dict[str, Any]:
    """Moments are milliseconds since 1970, as clients of the real service saw them for contacts."""
    touched = [one for one in (row.last_added_at, row.last_removed_at) if one]
    return {
        "externalId": row.external_id,
        "name": row.name,
        "description": row.description,
        "createDate": milliseconds(row.created_at),
        "changeDate": milliseconds(row.changed_at),
        "lastContactAddedAt": milliseconds(row.last_added_at),
        "lastContactRemovedAt": milliseconds(row.last_removed_at),
        "lastSyncDate": milliseconds(max(touched, default=None)),
    }


def milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _members(body: Any) -> list[str]:
    """The ids of a body's contacts, each once."""
    sent = body.get("contacts") if isinstance(body, dict) else body
    if not isinstance(sent, list) or not all(
        isinstance(one, str | int) and not isinstance(one, bool) for one in sent
    ):
        raise ApiError(400, "INVALID_PARAMS", "contacts is a list of external contact ids.")
    if len(sent) > external.MOST:
        raise ApiError(413, "INVALID_PARAMS", f"A call takes at most {external.MOST} contacts.")
    return list(dict.fromkeys(str(one) for one in sent))


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ApiError(400, "INVALID_PARAMS", f"{name} is not a text.")
    return str(value)
