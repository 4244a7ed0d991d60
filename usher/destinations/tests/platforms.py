"""The platforms that the shared tests run against, and ways to disturb the wire to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import httpx
import pytest
import stamina

from usher.destinations.dotdigital.client import Dotdigital
from usher.destinations.dotdigital.settings import DotdigitalSettings
from usher.destinations.tests import published
from usher.lib.http import ATTEMPTS


class Served(Protocol):
    """A platform that is running: all that the shared tests know of it."""

    url: str
    username: str
    password: str


#: Name → what serves it. Whatever speaks the published API can be added; the tests use nothing else.
PLATFORMS: dict[str, Callable[[], AbstractContextManager[Served]]] = {
    "published": published.serve,
}


@pytest.fixture(params=list(PLATFORMS))
def any_platform(request: pytest.FixtureRequest) -> Iterator[Served]:
    with PLATFORMS[request.param]() as served:
        yield served


@pytest.fixture(autouse=True)
def without_backoff() -> Iterator[None]:
    """Repeated calls follow at once."""
    stamina.set_testing(True, attempts=ATTEMPTS)
    yield
    stamina.set_testing(False)


def connect(served: Served, **options: Any) -> Dotdigital:
    form = DotdigitalSettings(url=served.url, username=served.username, password=served.password)
    return Dotdigital(form, **options)


def list_members(served: Served, name: str) -> dict[str, dict[str, Any]]:
    """{lower-case address: data fields that have a value} on the list, read through the API."""
    with connect(served) as platform:
        list_id = next((it.id for it in platform.lists() if it.name.lower() == name.lower()), None)
    if list_id is None:
        return {}
    found: dict[str, dict[str, Any]] = {}
    with httpx.Client(base_url=served.url, auth=(served.username, served.password)) as client:
        path = f"/v2/address-books/{list_id}/contacts"
        while page := client.get(path, params={"withFullData": "true", "skip": len(found)}).json():
            for it in page:
                fields = {field["key"]: field["value"] for field in it["dataFields"] or []}
                found[it["email"].lower()] = {
                    key: value for key, value in fields.items() if value is not None
                }
    return found


def unsubscribe(served: Served, email: str) -> None:
    with httpx.Client(base_url=served.url, auth=(served.username, served.password)) as client:
        client.post("/v2/contacts/unsubscribe", json={"email": email}).raise_for_status()


class Killed(BaseException):
    """Stands for the process being killed: nothing catches it."""


class Wire(httpx.HTTPTransport):
    """Counts the calls, and cuts one off: before the platform hears it, or before we hear the answer."""

    def __init__(
        self,
        cut_at: int | None = None,
        *,
        when: Literal["before", "after"] = "before",
        by: type[BaseException] = Killed,
    ) -> None:
        super().__init__()
        self.cut_at, self.when, self.by = cut_at, when, by
        self.calls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        here = len(self.calls) == self.cut_at
        self.calls.append(f"{request.method} {request.url.path}")
        if here and self.when == "before":
            raise self.by("cut off")
        response = super().handle_request(request)
        if here:
            response.read()
            raise self.by("cut off")
        return response


class Naps:
    """Sleeps hardly at all, and remembers how long it was asked to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
