"""How the API speaks: who calls, what was sent, which operation answers, and in which words it fails.

Clients in the wild write keys in any case, add slashes at the end or double them, send numbers as text and
leave the content type out; all of it is understood, and nothing is ever redirected.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.multipartparser import MultiPartParserError
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt

from usher.engage import access, audit
from usher.engage.api import limits
from usher.engage.api.declared import declared
from usher.engage.api.problems import ApiError, answered, invalid, not_offered
from usher.engage.errors import EngageError
from usher.engage.models import Account
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
        except (ValueError, RecursionError):
            raise invalid("The body is not JSON.", "ERROR_MALFORMED_REQUEST") from None

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object."""
        if not isinstance(self.body, dict):
            raise invalid("The body is not an object.", "ERROR_MALFORMED_REQUEST")
        return self.body


def door(urlconf: str, wording: Wording) -> Callable[..., HttpResponse]:
    """The view for all of one version: authenticate, find the operation, answer."""

    @csrf_exempt
    def answer(request: HttpRequest, **_: str) -> HttpResponse:
        now = clock.now()
        path = re.sub(r"/{2,}", "/", request.path_info).rstrip("/")
        user = access.authenticate(request.headers.get("Authorization", ""), now)
        if user is None:
            denied = reply({"message": DENIED}, 401)
            denied["WWW-Authenticate"] = 'Basic realm="api"'
            return denied
        try:
            response = _signed(Call(request, user.account, now, f"api {user}"), path, urlconf)
        except EngageError as problem:
            response = _failed(answered(problem), wording)
        except ApiError as problem:
            response = _failed(problem, wording)
        except RequestDataTooBig:
            response = _failed(ApiError(413, "ERROR_MALFORMED_REQUEST", "The body is too large."), wording)
        except MultiPartParserError:
            response = _failed(invalid("The form cannot be read.", "ERROR_MALFORMED_REQUEST"), wording)
        except Exception:
            log.exception("%s %s failed", request.method, re.sub(r"[^/]+@", "…@", path))
            response = _failed(ApiError(500, "ERROR_UNKNOWN"), wording)
        scope = limits.tier(request.method or "", path)
        for name, value in limits.count(user.account_id, scope, now).items():
            response[name] = value
        return response

    return answer


def operations(**by_method: Operation) -> Operation:
    """What a path offers: one operation for each HTTP method."""

    def operate(call: Call, **arguments: Any) -> HttpResponse:
        operation = by_method.get(call.request.method or "")
        return operation(call, **arguments) if operation else HttpResponseNotAllowed(by_method)

    return operate


def reply(body: object, status: int = 200) -> HttpResponse:
    """JSON, with moments as Dotdigital writes them."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_written)
    return Answer(text, status=status, content_type="application/json; charset=utf-8")


def empty(status: int = 204) -> HttpResponse:
    return HttpResponse(status=status)


def moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _signed(call: Call, path: str, urlconf: str) -> HttpResponse:
    """Operate; what a call changes is one transaction, and is written down as its caller's."""
    if declared(call.request.method or "", path).permission == Permission.READ:
        return _operate(call, path, urlconf)
    with audit.signed(call.account, call.by, call.now):
        return _operate(call, path, urlconf)


def _operate(call: Call, path: str, urlconf: str) -> HttpResponse:
    method, query = call.request.method or "", call.request.META.get("QUERY_STRING", "")
    if "\0" in path or "%00" in query or "\0" in query:
        raise invalid("The address has a NUL character.")
    try:
        match = resolve(path, urlconf)
    except Resolver404:
        if _is_built(method, path, urlconf):
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


def is_published(method: str, path: str) -> bool:
    """Does Dotdigital describe this operation?"""
    return any(fits.fullmatch(path) for fits in _published().get(method, {}).values())


def _is_built(method: str, path: str, urlconf: str) -> bool:
    """Is the operation served, so that only the id in the path is none?"""
    served = [one for one, fits in _published().get(method, {}).items() if fits.fullmatch(path)]
    for template in served:
        try:
            resolve(re.sub(r"\{\w+\}", "1", template), urlconf)
        except Resolver404:
            continue
        return True
    return False


@cache
def _published() -> Mapping[str, dict[str, re.Pattern[str]]]:
    """Method -> the paths described for it (from the published OpenAPI files), each with what fits it."""
    found: dict[str, dict[str, re.Pattern[str]]] = {}
    for line in Path(__file__).with_name("published.txt").read_text("ascii").splitlines():
        method, template = line.split()
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        found.setdefault(method, {})[template] = re.compile(pattern)
    return found


def _failed(problem: ApiError, wording: Wording) -> HttpResponse:
    return reply(wording(problem), problem.status)


def _folded(value: Any) -> Any:
    """Keys in lower case at every depth; texts that no database takes are refused."""
    if isinstance(value, dict):
        return {key.lower(): _folded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_folded(inner) for inner in value]
    if isinstance(value, str):
        value.encode()  # half a surrogate pair is no text
        if "\0" in value:
            raise ValueError("NUL")
    return value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    return str(value)
