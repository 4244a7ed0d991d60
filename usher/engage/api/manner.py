"""How the API speaks: who calls, what was sent, which operation answers, and in which words it fails.

Clients in the wild write keys in any case, add slashes at the end or double them, send numbers as text and
leave the content type out; all of it is understood, and nothing is ever redirected.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt

from usher.engage import access, audit, calls
from usher.engage.api import faults, limits
from usher.engage.api.declared import declared
from usher.engage.api.problems import ApiError, answered, invalid, not_offered
from usher.engage.api.published import is_built, is_published
from usher.engage.deadlocks import done_again
from usher.engage.errors import EngageError
from usher.engage.models import Account, ApiUser
from usher.engage.models.accounts import Permission
from usher.lib import clock

log = logging.getLogger(__name__)

Operation = Callable[..., HttpResponse]
#: An error in the words of one version of the API.
Wording = Callable[[ApiError], dict[str, Any]]

DENIED = "Authorization has been denied for this request. ERROR_INVALID_LOGIN"


class Answer(HttpResponse):
    """A reply that Django does not log: paths hold addresses, and 404 is an everyday answer here."""

    _has_been_logged = True
    #: Of an error.
    token = ""


@dataclass(frozen=True)
class Call:
    """One authenticated request."""

    request: HttpRequest
    account: Account
    now: datetime
    #: Who calls, as the audit says it: "api <user name>".
    by: str = "api"

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters by lower-case name."""
        return {name.lower(): str(value) for name, value in self.request.GET.items()}

    @cached_property
    def body(self) -> Any:
        """The JSON body with every key in lower case."""
        kind = (self.request.content_type or "").lower()
        if kind.endswith("/xml"):
            raise ApiError(415, "ERROR_CONTENT_TYPE_IS_NOT_SUPPORTED", "Send application/json.")
        try:
            sent = self.request.body.decode("utf-8-sig")
            return _folded(json.loads(sent, parse_constant=_no_number))
        except UnkeptError as problem:
            raise invalid(f"The body has {problem}.", "ERROR_MALFORMED_REQUEST") from None
        except (ValueError, RecursionError):
            raise invalid("The body is not JSON.", "ERROR_MALFORMED_REQUEST") from None

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object."""
        if not isinstance(self.body, dict):
            raise invalid("The body is not an object.", "ERROR_MALFORMED_REQUEST")
        return self.body


def door(urlconf: str, wording: Wording) -> Callable[..., HttpResponseBase]:
    """The view for all of one version: authenticate, find the operation, answer, and record the call."""

    @csrf_exempt
    def answer(request: HttpRequest, **_: str) -> HttpResponseBase:
        now, began = clock.now(), time.perf_counter()
        path = re.sub(r"/{2,}", "/", request.path_info).rstrip("/")
        sender = request.META.get("REMOTE_ADDR", "")
        header = request.headers.get("Authorization", "")
        user = access.authenticate(header, now, sender)
        if user is None:
            denied = reply({"message": DENIED}, 401)
            denied["WWW-Authenticate"] = 'Basic realm="api"'
            if named := access.denied(header, now, sender):
                _record(request, named, now, path, denied, time.perf_counter() - began)
            return denied
        call = Call(request, user.account, now, f"api {user}")
        response, is_lost = _answered(call, user, path, urlconf, wording)
        _record(request, user, now, path, response, time.perf_counter() - began)
        return faults.cut() if is_lost else response

    return answer


def operations(**by_method: Operation) -> Operation:
    """What a path offers: one operation for each HTTP method."""

    def operate(call: Call, **arguments: Any) -> HttpResponse:
        operation = by_method.get(call.request.method or "")
        return operation(call, **arguments) if operation else HttpResponseNotAllowed(by_method)

    return operate


def reply(body: object, status: int = 200) -> Answer:
    """JSON, with moments as Dotdigital writes them."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_written)
    return Answer(text, status=status, content_type="application/json; charset=utf-8")


def empty(status: int = 204) -> HttpResponse:
    return HttpResponse(status=status)


def moment(when: datetime) -> str:
    there = when.astimezone(UTC).replace(tzinfo=None)
    return there.isoformat(timespec="milliseconds") + "Z"


def _answered(
    call: Call, user: ApiUser, path: str, urlconf: str, wording: Wording
) -> tuple[HttpResponse, bool]:
    """The reply, whatever happens; and whether a sandbox loses it on its way."""
    called = declared(call.request.method or "", path)
    headers: Mapping[str, str] = {}
    is_lost = False
    try:
        is_lost = faults.meet(call.request, call.account, path, called, call.now)
        headers = limits.count(call.account, limits.scheme_of(user, call.request), called, call.now)
        if called.permission not in user.permissions:
            raise ApiError(403, "ERROR_FEATURENOTACTIVE", f"This API user may not {called.permission}.")
        if called.permission == Permission.READ:
            response = _operate(call, path, urlconf)
        else:
            response = done_again(lambda: _changing(call, path, urlconf))
    except limits.TooManyCallsError as problem:
        response, headers = _failed(problem, wording), problem.headers
    except EngageError as problem:
        response = _failed(answered(problem), wording)
    except ApiError as problem:
        response = _failed(problem, wording)
    except RequestDataTooBig:
        response = _failed(ApiError(413, "ERROR_MALFORMED_REQUEST", "The body is too large."), wording)
    except MultiPartParserError:
        response = _failed(invalid("The form cannot be read.", "ERROR_MALFORMED_REQUEST"), wording)
    except Exception:
        log.exception("%s %s failed", call.request.method, re.sub(r"[^/]+@", "…@", path))
        response = _failed(ApiError(500, "ERROR_UNKNOWN"), wording)
    for name, value in headers.items():
        response[name] = value
    return response, is_lost


def _changing(call: Call, path: str, urlconf: str) -> HttpResponse:
    """What a call changes is one transaction, and is written down as its caller's."""
    with audit.signed(call.account, call.by, call.now):
        return _operate(call, path, urlconf)


def _record(
    request: HttpRequest, user: ApiUser, now: datetime, path: str, response: HttpResponse, seconds: float
) -> None:
    """Have the call written down; of its body what was read, which is nothing where it was denied."""
    query = request.META.get("QUERY_STRING", "")
    calls.keep(
        calls.Heard(
            account=user.account_id,
            user=user,
            at=now,
            method=request.method or "",
            path=f"{path}?{query}" if query else path,
            status=response.status_code,
            token=getattr(response, "token", ""),
            milliseconds=round(seconds * 1000),
            sent=getattr(request, "_body", b""),
            answered=response.content,
        )
    )


def _operate(call: Call, path: str, urlconf: str) -> HttpResponse:
    method, query = call.request.method or "", call.request.META.get("QUERY_STRING", "")
    if "\0" in path or "%00" in query or "\0" in query:
        raise invalid("The address has a NUL character.")
    try:
        match = resolve(path, urlconf)
    except Resolver404:
        if is_built(method, path, urlconf):
            raise ApiError(404, "ERROR_PARAMETER_INVALID", f"An id in {path} is none.") from None
        if is_published(method, path):
            raise not_offered() from None
        raise ApiError(404, "ERROR_PARAMETER_INVALID", f"There is no operation at {path}.") from None
    response: HttpResponse = match.func(call, **match.kwargs)
    if isinstance(response, HttpResponseNotAllowed):
        if is_published(method, path):
            raise not_offered()
        allowed = response["Allow"]
        response = reply({"message": f"{method} is not offered here. ERROR_PARAMETER_INVALID"}, 405)
        response["Allow"] = allowed
    return response


def _failed(problem: ApiError, wording: Wording) -> Answer:
    response = reply(wording(problem), problem.status)
    response.token = problem.token
    return response


class UnkeptError(ValueError):
    """JSON holds what no database takes."""


def _folded(value: Any) -> Any:
    """Keys in lower case at every depth; texts and numbers that no database takes are refused."""
    if isinstance(value, dict):
        return {_folded(key).lower(): _folded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_folded(inner) for inner in value]
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
        if "\0" in value:
            raise UnkeptError("a NUL character")
    if isinstance(value, float) and not math.isfinite(value):  # 1e999
        raise UnkeptError("a number that is too large")
    return value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return str(value)
