"""The API as a whole: who may call it, and which noun is where."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.security import HttpBasicAuth, django_auth

from usher import __version__
from usher.api import audiences, evaluations, members, programs, seeds, syncs, tag_groups
from usher.audiences.errors import AudienceError, NotConfirmedError
from usher.lib.changes import DefinitionError
from usher.sources.errors import SourceError


class Login(HttpBasicAuth):
    """The user name and password of the pages."""

    def authenticate(self, request: HttpRequest, username: str, password: str) -> AbstractBaseUser | None:
        return authenticate(request, username=username, password=password)


service = NinjaAPI(
    title="Usher",
    version=__version__,
    description="Audiences, syncs, programs, seeds. The engine's Dotdigital API is at /v2 and /contacts/v3.",
    auth=[Login(), django_auth],
    urls_namespace="usher-api",
)
service.add_router("audiences", audiences.router)
service.add_router("audiences", members.router)
service.add_router("evaluations", evaluations.router)
service.add_router("tag-groups", tag_groups.router)
service.add_router("syncs", syncs.router)
service.add_router("programs", programs.router)
service.add_router("seeds", seeds.router)


@service.exception_handler(NotConfirmedError)
def _not_confirmed(request: HttpRequest, problem: Exception) -> HttpResponse:
    told = f"{problem}: send confirm=true, or POST to …/empty to take everybody out"
    return service.create_response(request, {"detail": told}, status=422)


@service.exception_handler(AudienceError)
@service.exception_handler(DefinitionError)
@service.exception_handler(SourceError)
def _not_as_asked(request: HttpRequest, problem: Exception) -> HttpResponse:
    return service.create_response(request, {"detail": str(problem)}, status=409)
