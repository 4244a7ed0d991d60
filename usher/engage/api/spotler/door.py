"""The way into Spotler's API: two prefixes, a signed call, and errors in its words."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt

from usher.engage import audit, calls
from usher.engage.api.manner import Answer, Call, reply
from usher.engage.api.problems import ApiError
from usher.engage.api.spotler import oauth
from usher.engage.api.spotler.published import is_published
from usher.engage.errors import EngageError
from usher.engage.lists import external
from usher.engage.models import SpotlerKey
from usher.lib import clock

log = logging.getLogger(__name__)

URLS = "usher.engage.api.spotler.urls"
PREFIX = re.compile(r"^/*integrationservice(?:-1\.1\.0)?(?=/|$)")
#: What is not answered with 400.
STATUS = {
    external.INVALID: 417,
    external.TAKEN: 417,
    external.ID_TAKEN: 417,
    external.IN_USE: 417,
}


@csrf_exempt
def answer(request: HttpRequest, **_: str) -> HttpResponse:
    """Check the signature, find the operation, answer; changes are noted as the key's."""
    now, began = clock.now(), time.perf_counter()
    try:
        key = oauth.authenticate(request, now)
    except oauth.DeniedError as problem:
        return failed(403, "NOT_AUTHORIZED", f"Not authorized: {problem}.")
    call = Call(request, key.account, now, f"spotler key {key.key}")
    response = _answered(call)
    _record(call, key, response, time.perf_counter() - began)
    return response


def failed(status: int, kind: str, message: str, **more: Any) -> Answer:
    response = reply({"errorType": kind, "message": message, **more}, status)
    response.token = kind
    return response


def operations(**by_method: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What a path offers: one operation for each HTTP method."""

    def operate(call: Call, **arguments: Any) -> HttpResponse:
        operation = by_method.get(call.request.method or "")
        if operation is None:
            raise ApiError(405, "INVALID_PARAMS", f"{call.request.method} is not offered here.")
        return operation(call, **arguments)

    return operate


def _answered(call: Call) -> HttpResponse:
    try:
        if call.request.method == "GET":
            return _operate(call)
        with audit.signed(call.account, call.by, call.now):
            return _operate(call)
    except external.UnknownMembersError as problem:
        message = "Some contacts are not known; nobody was added."
        return failed(404, "CONTACT_NOT_FOUND", message, externalContactIds=problem.external_ids)
    except EngageError as problem:
        return failed(STATUS.get(problem.token, 400), problem.token, problem.message)
    except ApiError as problem:
        kind = "INVALID_PARAMS" if problem.token.startswith("ERROR_") else problem.token
        return failed(problem.status, kind, problem.message)
    except RequestDataTooBig:
        return failed(413, "INVALID_PARAMS", "The body is too large.")
    except Exception:
        log.exception("%s of Spotler's API failed", call.request.method)
        return failed(500, "BACKEND_EXCEPTION", "Something went wrong that was not foreseen.")


def _operate(call: Call) -> HttpResponse:
    path = re.sub(r"/{2,}", "/", PREFIX.sub("", call.request.path_info)).rstrip("/")
    if "\0" in path:
        raise ApiError(400, "INVALID_PARAMS", "The address has a NUL character.")
    wanted = call.request.headers.get("Accept", "")
    if "xml" in wanted and "json" not in wanted and "*/*" not in wanted:
        raise ApiError(406, "INVALID_PARAMS", "Ask for application/json; XML is not offered.")
    try:
        match = resolve(path, URLS)
    except Resolver404:
        if is_published(call.request.method or "", path):
            message = "This server does not offer this operation of Spotler's API."
            raise ApiError(403, "NOT_AUTHORIZED", message) from None
        raise ApiError(404, "RESOURCE_NOT_FOUND", f"There is no operation at {path}.") from None
    response: HttpResponse = match.func(call, **match.kwargs)
    return response


def _record(call: Call, key: SpotlerKey, response: HttpResponse, seconds: float) -> None:
    query = call.request.META.get("QUERY_STRING", "")
    calls.keep(
        calls.Heard(
            account=key.account_id,
            user=None,
            at=call.now,
            method=call.request.method or "",
            path=call.request.path_info + (f"?{query}" if query else ""),
            status=response.status_code,
            token=getattr(response, "token", ""),
            milliseconds=round(seconds * 1000),
            sent=getattr(call.request, "_body", b""),
            answered=response.content,
        )
    )
