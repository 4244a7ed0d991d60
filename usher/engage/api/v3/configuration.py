"""Custom identifiers of the account (version 3)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.v3.wording import ServiceError
from usher.engage.contacts import custom
from usher.engage.models import CustomIdentifier

#: Refusals that are no 400.
_STATUS = {"nameAlreadyExists": 409, "limitReached": 412}


def listed(call: Call) -> HttpResponse:
    return reply([_shape(row) for row in custom.names_of(call.account).values()])


def create(call: Call) -> HttpResponse:
    name = call.fields.get("name")
    if not isinstance(name, str):
        raise _problem("invalidName", "name is required")
    try:
        return reply(_shape(custom.make(call.account, name.strip(), call.now)), 201)
    except custom.UnfitNameError as problem:
        raise _problem(problem.problem, problem.message) from None


def delete(call: Call, name: str) -> HttpResponse:
    """With what contacts are called by it."""
    found = custom.names_of(call.account).get(name.lower())
    if found is None:
        raise ServiceError(404, "customIdentifiers:notExist", "The custom identifier does not exist.")
    found.delete()
    return empty(204)


def _problem(code: str, message: str) -> ServiceError:
    return ServiceError(_STATUS.get(code, 400), f"customIdentifiers:{code}", message)


def _shape(row: CustomIdentifier) -> dict[str, Any]:
    return {"name": row.name, "created": row.created_at, "updated": row.updated_at}
