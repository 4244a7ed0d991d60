"""One contact by any of its identifiers: created, read, updated, replaced, deleted."""

from __future__ import annotations

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid
from usher.engage.api.v2.imports import merge_option
from usher.engage.api.v3 import shapes
from usher.engage.api.v3.wording import ServiceError
from usher.engage.contacts import upsert, write
from usher.engage.contacts.described import IDENTIFIERS, Described, described
from usher.engage.contacts.fields import types_of
from usher.engage.errors import EngageError
from usher.engage.models import Contact
from usher.engage.models.contacts import Status


def get(call: Call, identifier: str, value: str) -> HttpResponse:
    return _shown(call, _known(call, identifier, value))


def create(call: Call) -> HttpResponse:
    said = described(call.fields)
    _check_identifiers(call, said)
    try:
        return _shown(call, upsert.create(call.account, said, call.now), 201)
    except EngageError as problem:
        raise _conflict(problem) from None


def patch(call: Call, identifier: str, value: str) -> HttpResponse:
    """Update the contact, or create it when nobody has this identifier."""
    merge = merge_option(call.query.get("merge-option") or call.query.get("mergeoption"))
    said = described(call.fields)
    try:
        contact, created = upsert.upsert(call.account, identifier, value, said, merge, call.now)
    except EngageError as problem:
        raise _conflict(problem) from None
    return _shown(call, contact, 201 if created else 200)


def replace(call: Call, identifier: str, value: str) -> HttpResponse:
    """Of a contact that is there; consent is only ever added, by a patch."""
    said = described(call.fields)
    if said.consents:
        raise invalid("consentRecords cannot be replaced; send them with PATCH")
    _check_identifiers(call, said)
    try:
        return _shown(call, upsert.replace(_known(call, identifier, value), said, call.now))
    except EngageError as problem:
        raise _conflict(problem) from None


def delete(call: Call, identifier: str, value: str) -> HttpResponse:
    contact = _known(call, identifier, value)
    write.remove(contact, call.now)
    return reply({"contactId": contact.pk})


def _known(call: Call, identifier: str, value: str) -> Contact:
    """The contact; 404 without one, and for one in the recycle bin."""
    found = upsert.find(call.account, identifier, value)
    if found is None or found.status == Status.DELETED:
        name = IDENTIFIERS.get(identifier.lower(), (identifier, ""))[0]
        raise ServiceError(
            404,
            "contactNotFound",
            "The following contacts could not be found",
            (value, f"Not found using the identifier '{name}'"),
        )
    return found


def _check_identifiers(call: Call, said: Described) -> None:
    if not isinstance(call.fields.get("identifiers"), dict):
        raise invalid("identifiers is required")
    if call.request.method == "POST" and not (said.draft.email or said.draft.mobile_number):
        raise invalid("identifiers has neither an email nor a mobileNumber", "ERROR_INVALID_EMAIL")


def _conflict(problem: EngageError) -> Exception:
    """That an identifier is another contact's is 409 here, and that nobody has it 404."""
    if problem.token == "ERROR_CONTACT_NOT_FOUND":
        return ApiError(404, problem.token, problem.message)
    if problem.token != "ERROR_NON_UNIQUE_EMAIL":
        return problem
    return ApiError(409, problem.token, problem.message)


def _shown(call: Call, contact: Contact, status: int = 200) -> HttpResponse:
    return reply(shapes.contact(contact, types_of(call.account)), status)
