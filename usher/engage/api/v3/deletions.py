"""Bulk deletions of version 3: accepted, and asked after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import invalid
from usher.engage.api.v3.wording import ServiceError
from usher.engage.contacts import bulk, custom
from usher.engage.contacts.described import IDENTIFIERS
from usher.engage.models import BulkDeletion

_COUNTERS = ("requestedContacts", "deletedContacts", "unknownContacts", "invalidEntries")
_NOTHING_YET: dict[str, Any] = {"summary": dict.fromkeys(_COUNTERS, 0), "deleted": [], "failures": []}


def start(call: Call) -> HttpResponse:
    sent = call.body
    if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
        raise invalid("Send a list of identifiers")
    if not sent:
        raise ServiceError(400, "noContactsSpecified", "You must specify 1 or more contacts to be deleted!")
    if len(sent) > bulk.MOST:
        raise invalid(f"Send at most {bulk.MOST} identifiers")
    try:
        names = {name: row.name for name, row in custom.names_of(call.account).items()}
        made = bulk.accept(call.account, [_named(one, names) for one in sent], call.now)
    except bulk.TooManyDeletionsError:
        raise ServiceError(
            429,
            "tooManyBulkDeleteJobs",
            "Too many bulk delete jobs are being processed for your account. Wait for one to complete.",
        ) from None
    return reply({"deleteId": str(made.pk)}, 202)


def _named(identifier: dict[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """With its name as it is published, or as the account has it."""
    return {
        names.get(name) or IDENTIFIERS.get(name, (name, ""))[0]: value for name, value in identifier.items()
    }


def status(call: Call, job: str) -> HttpResponse:
    try:
        key = UUID(job)
    except ValueError:
        message = f"The id value '{job}' is not a recognized deletion job identifier"
        raise ServiceError(400, "invalidDeleteId", message) from None
    found = BulkDeletion.objects.filter(account=call.account, pk=key).first()
    if found is None:
        raise ServiceError(404, "deleteNotFound", f"The delete request '{job}' could not be found!")
    shown: dict[str, Any] = _NOTHING_YET | found.summary
    return reply({"deleteId": str(found.pk), "status": found.state, **shown})
