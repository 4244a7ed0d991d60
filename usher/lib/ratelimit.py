"""Keep to a platform's call limits: read its X-RateLimit headers, and wait rather than be turned away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: The window in which Dotdigital and most others count, in seconds: waited when a reply does not say more.
WINDOW = 60.0
#: Added to every wait, so that the window has surely been renewed when the next call arrives.
MARGIN = 0.25
#: No platform of ours renews later than this; a longer wait means that two clocks disagree.
LONGEST = 2 * WINDOW


@dataclass
class RateLimit:
    """What the replies so far have said about each scope of calls; one object for each connection.

    The wait is measured from the reply's own `Date`, not from our clock: so it is right when the two differ.
    """

    sleep: Callable[[float], None] = time.sleep
    #: A stopwatch in seconds; not the time of day.
    stopwatch: Callable[[], float] = time.monotonic
    #: Kind of call → the scope its last reply named.
    _scopes: dict[str, str] = field(default_factory=dict)
    #: Scope → the reading of the stopwatch before which it takes no further call.
    _closed_until: dict[str, float] = field(default_factory=dict)

    def wait(self, kind: str) -> float:
        """Sleep until a call of this kind is allowed; the seconds slept."""
        until = self._closed_until.pop(self._scopes.get(kind, kind), None)
        seconds = 0.0 if until is None else until - self.stopwatch()
        if seconds <= 0:
            return 0.0
        self.sleep(seconds)
        return seconds

    def read(self, kind: str, status: int, headers: Mapping[str, str]) -> None:
        """Learn from a reply; `headers` answers for names in any letter case, as httpx's do."""
        scope = headers.get("x-ratelimit-scope", kind)
        self._scopes[kind] = scope
        if status == 429 or headers.get("x-ratelimit-remaining", "").strip() == "0":
            self._closed_until[scope] = self.stopwatch() + _seconds_closed(headers) + MARGIN
        else:
            self._closed_until.pop(scope, None)


def _seconds_closed(headers: Mapping[str, str]) -> float:
    """Seconds from the reply until its window is renewed, as its headers tell it."""
    for read in (_until_reset, _retry_after):
        seconds = read(headers)
        if seconds is not None and seconds <= LONGEST:
            return max(seconds, 0.0)
    return WINDOW


def _until_reset(headers: Mapping[str, str]) -> float | None:
    try:
        reset = datetime.fromtimestamp(float(headers["x-ratelimit-reset"]), UTC)
        return (reset - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
