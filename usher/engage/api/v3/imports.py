"""Bulk imports of version 3: accepted, asked after, with the ids that their contacts got."""

from __future__ import annotations

from typing import Any, NoReturn
from uuid import UUID

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid
from usher.engage.api.v2.imports import merge_option
from usher.engage.api.v3.wording import ServiceError
from usher.engage.errors import EngageError
from usher.engage.imports.accept import MOST_ACTIVE
from usher.engage.imports.described.accept import FORM, LARGEST, accept
from usher.engage.imports.described.stream import Body
from usher.engage.models import Import

#: Counter of the reply -> the import's.
COUNTERS = {
    "newContacts": "newContacts",
    "updatedContacts": "updatedContacts",
    "globallySuppressed": "globallySuppressed",
    "invalidEntries": "invalidEntries",
    "duplicateIdentifiers": "duplicateEmails",
}


def start(call: Call) -> HttpResponse:
    content = _received(call)
    merge = merge_option(_checked(content).get("mergeoption"))
    try:
        made = accept(call.account, content, merge, call.now)
    except EngageError:
        raise ServiceError(
            429,
            "tooManyActiveImports",
            f"{MOST_ACTIVE} imports are being processed for your account. Wait for one to complete.",
        ) from None
    return reply({"importId": str(made.pk)}, 202)


def status(call: Call, job: str) -> HttpResponse:
    found = _known(call, job)
    summary = {shown: found.report.get(name, 0) for shown, name in COUNTERS.items()}
    results = {name: found.results.get(name, []) for name in ("created", "updated", "failures")}
    return reply({"importId": str(found.pk), "status": found.state, "summary": summary, **results})


def _received(call: Call) -> bytes:
    """The body, which may be larger than those of other calls."""
    size = call.request.headers.get("Content-Length", "0")
    if int(size if size.isdecimal() else 0) > LARGEST:
        raise ApiError(413, "ERROR_MALFORMED_REQUEST", f"The body has more than {LARGEST // 2**20} MB.")
    content: bytes = call.request.read()
    return content


def _checked(content: bytes) -> dict[str, Any]:
    """The body's own properties, by lower-case name. Refused without contacts, and for what no database
    takes."""
    body = Body(content, _no_number)
    try:
        count = sum(1 for _ in body.contacts())
        if b"\\u0000" in content or b"\0" in content:
            raise ValueError
    except (ValueError, RecursionError):
        raise ServiceError(400, "badJson", "The request JSON is badly formed") from None
    if not count:
        raise invalid("contacts is a list of at least one contact")
    return body.rest


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _known(call: Call, job: str) -> Import:
    try:
        key = UUID(job)
    except ValueError:
        raise ServiceError(
            400, "invalidId", f"The id value '{job}' is invalid for the identifier 'importId'"
        ) from None
    found = Import.objects.filter(account=call.account, pk=key, form=FORM).defer("content").first()
    if found is None:
        raise ServiceError(404, "importNotFound", f"The import request '{job}' could not be found!")
    return found
