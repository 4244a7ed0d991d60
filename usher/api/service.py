"""The API as a whole: who may call it, and which noun is where."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.security import HttpBasicAuth, SessionAuth

from usher import __version__
from usher.api import audiences, definitions, evaluations, members, programs, seeds, syncs, tag_groups
from usher.audiences.errors import AudienceError, NotConfirmedError
from usher.lib.changes import DefinitionError
from usher.sources.errors import SourceError


class Login(HttpBasicAuth):
    """The user name and password of the pages."""

    def authenticate(self, request: HttpRequest, username: str, password: str) -> AbstractBaseUser | None:
        return authenticate(request, username=username, password=password)


class Session(SessionAuth):
    """A session of the pages; who has none is told so, and not of a token."""

    def __call__(self, request: HttpRequest) -> object | None:
        if not request.user.is_authenticated:
            return None
        try:
            return super().__call__(request)
        except HttpError:
            raise HttpError(
                403, "a session of the pages changes things with its CSRF token (X-CSRFToken)"
            ) from None


service = NinjaAPI(
    title="Usher",
    version=__version__,
    description="Audiences, definitions, syncs. The engine's Dotdigital API is at /v2 and /contacts/v3.",
    auth=[Login(), Session()],
    urls_namespace="usher-api",
)
service.add_router("audiences", audiences.router)
service.add_router("audiences", members.router)
service.add_router("definitions", definitions.router)
service.add_router("evaluations", evaluations.router)
service.add_router("tag-groups", tag_groups.router)
service.add_router("syncs", syncs.router)
service.add_router("programs", programs.router)
service.add_router("seeds", seeds.router)


@service.exception_handler(ValidationError)
def _not_understood(request: HttpRequest, problem: ValidationError) -> HttpResponse:
    """`detail` is always one text: field and what is wrong with it, of each."""
    said = [f"{'.'.join(_place(one['loc'])) or 'the body'}: {one['msg']}" for one in problem.errors]
    return service.create_response(request, {"detail": "; ".join(said)}, status=422)


@service.exception_handler(Exception)
def _not_foreseen(request: HttpRequest, problem: Exception) -> HttpResponse:
    logging.getLogger(__name__).error("%s %s", request.method, request.path, exc_info=problem)
    said = "something went wrong that was not foreseen; the log of the server has it"
    return service.create_response(request, {"detail": said}, status=500)


def _place(loc: Sequence[object]) -> list[str]:
    """Where it stands in what was sent: Ninja begins with "body", "body" or "query"."""
    return [str(step) for step in loc[2 if tuple(loc[:2]) == ("body", "body") else 1 :]]


@service.exception_handler(Http404)
def _not_there(request: HttpRequest, problem: Exception) -> HttpResponse:
    return missing(request)


def missing(request: HttpRequest) -> HttpResponse:
    """What no address of the API answers, in the words of the API."""
    return service.create_response(request, {"detail": f"there is nothing at {request.path}"}, status=404)


def worded(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view with a method that it does not know refused in the words of the API."""

    @csrf_exempt  # what changes something asks for the token itself
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        allowed = ", ".join(sorted(response["Allow"].split(", ")))
        said = f"{request.method} is not answered at {request.path}, only {allowed}"
        told = service.create_response(request, {"detail": said}, status=405)
        told["Allow"] = allowed
        return told

    return answer


@service.exception_handler(NotConfirmedError)
def _not_confirmed(request: HttpRequest, problem: Exception) -> HttpResponse:
    told = f"{problem}: send confirm=true, or POST to …/empty to take everybody out"
    return service.create_response(request, {"detail": told}, status=422)


@service.exception_handler(AudienceError)
@service.exception_handler(DefinitionError)
@service.exception_handler(SourceError)
def _not_as_asked(request: HttpRequest, problem: Exception) -> HttpResponse:
    return service.create_response(request, {"detail": str(problem)}, status=409)
