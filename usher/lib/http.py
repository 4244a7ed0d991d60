"""Speak HTTP with a platform: time-outs, patience where repeating is safe, and errors in our own words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import httpx
import stamina

from usher import __version__
from usher.lib.ratelimit import RateLimit

#: Seconds; reading is given the two minutes that Dotdigital tells its clients to wait.
TIMEOUT = httpx.Timeout(10.0, read=121.0, write=121.0)
#: Tries of a call that is safe to repeat, and the first wait between them in seconds.
ATTEMPTS, FIRST_WAIT = 3, 0.2
#: A platform that still answers 429 after this many waits is left alone until the next run.
TURNED_AWAY = 5
#: The call did not reach the platform, so it may be repeated whatever it was.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@lru_cache(1)
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def trust_for(url: str) -> ssl.SSLContext | bool:
    """What httpx is to verify with: reading the authorities takes 20 ms, which plain http need not pay."""
    return _trust() if url.startswith("https:") else False


class OutsideError(Exception):
    """Another system could not be reached, or did not do what it was asked.

    `retry` says whether the same call may succeed later without anybody mending anything.
    """

    def __init__(self, message: str, *, retry: bool, status: int | None = None, token: str = "") -> None:
        super().__init__(message)
        self.message, self.retry, self.status, self.token = message, retry, status, token


class _TryAgainError(Exception):
    """A reply that a repeatable call gets over by being repeated."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response


class Http:
    """One connection to one platform.

    `explain` turns a reply of 400 and above into the error to raise; `on_call` hears the kind of every
    call that is made, the repeated ones too.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str,
        explain: Callable[[httpx.Response], OutsideError],
        auth: httpx.Auth | tuple[str, str] | None = None,
        on_call: Callable[[str], None] = lambda kind: None,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._name, self._explain, self._on_call = name, explain, on_call
        self._limit = RateLimit(sleep=sleep)
        self._client = httpx.Client(
            auth=auth,
            headers={"User-Agent": f"usher/{__version__}"},
            timeout=TIMEOUT,
            transport=transport,
            follow_redirects=False,
            verify=trust_for(base_url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def call(
        self, kind: str, method: str, path: str, *, idempotent: bool | None = None, **request: Any
    ) -> httpx.Response:
        """The platform's good answer (below 400), or OutsideError.

        `idempotent`: repeating this call does no harm (None: it is a GET). Such a call is tried again after
        a broken connection or a 5xx. A 429 was not acted upon, so any call waits and is made again.
        """
        repeatable = method == "GET" if idempotent is None else idempotent
        try:
            response = self._patiently(repeatable, kind, method, path, request)
        except _TryAgainError as given_up:
            response = given_up.response
        except (httpx.TransportError, httpx.InvalidURL) as problem:
            raise self._unreachable(problem) from problem
        if response.status_code >= 300:
            raise self._explain(response)
        return response

    def _patiently(
        self, repeatable: bool, kind: str, method: str, path: str, request: dict[str, Any]
    ) -> httpx.Response:
        again = (httpx.TransportError, _TryAgainError) if repeatable else _NOTHING_SENT
        for attempt in stamina.retry_context(
            on=again, attempts=ATTEMPTS, wait_initial=FIRST_WAIT, timeout=None
        ):
            with attempt:
                response = self._in_turn(kind, method, path, request)
                if repeatable and response.status_code >= 500:
                    raise _TryAgainError(response)
        return response

    def _in_turn(self, kind: str, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        """The reply to one call, made when the platform's limits allow it."""
        for _ in range(TURNED_AWAY):
            self._limit.wait(kind)
            self._on_call(kind)
            response = self._client.request(method, self.base_url + path, **request)
            self._limit.read(kind, response.status_code, response.headers)
            if response.status_code != 429:
                break
        return response

    def _unreachable(self, problem: Exception) -> OutsideError:
        said = str(problem) or type(problem).__name__
        return OutsideError(
            f"{self._name} at {self.base_url} does not answer ({said}); "
            "check the address and that it is running, then try again",
            retry=True,
        )
