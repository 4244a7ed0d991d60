"""Segments: which there are, and having one refreshed. They are made elsewhere: in definitions and pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import missing
from usher.engage.api.reading import LARGEST_ID, taken
from usher.engage.lists.members import counts
from usher.engage.models import ContactList
from usher.engage.models.lists import ListKind, RefreshState
from usher.engage.segments.refresh import request_refresh


def listed(call: Call) -> HttpResponse:
    shown = taken(call, ContactList.objects.filter(account=call.account, kind=ListKind.SEGMENT))
    sizes = counts(shown)
    return reply([{"id": row.pk, "name": row.name, "contacts": sizes.get(row.pk, 0)} for row in shown])


def refresh(call: Call, segment: int) -> HttpResponse:
    found = known(call, segment)
    request_refresh(found)
    return reply(_progress(found, RefreshState.NOT_STARTED), 202)


def progress(call: Call, segment: int) -> HttpResponse:
    found = known(call, segment)
    return reply(_progress(found, found.refresh_state))


def known(call: Call, segment: int) -> ContactList:
    rows = ContactList.objects.filter(account=call.account, kind=ListKind.SEGMENT)
    found = rows.filter(pk=segment).first() if segment <= LARGEST_ID else None
    if found is None:
        raise missing("ERROR_SEGMENT_NOT_FOUND")
    return found


def _progress(row: ContactList, state: str) -> dict[str, Any]:
    return {"id": row.pk, "status": state}
