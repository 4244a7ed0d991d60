"""Counts calls for the rate-limit headers. Nothing is refused: the limits are announced, not enforced.

Each process counts for itself, so with several web processes a client sees the count of the one that
answered. `Remaining` never reaches zero, because a client that waits at zero would wait for nothing.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from threading import Lock

#: Calls a minute, by tier.
LIMITS = {"lowCallRate": 6_000, "mediumCallRate": 30_000, "highCallRate": 60_000}
#: Calls an hour that account-info names.
HOURLY = 1_000_000

_lock = Lock()
_by_minute: Counter[tuple[int, str, int]] = Counter()


def tier(method: str, path: str) -> str:
    """Imports, enrolments and reads of many rows are low; single writes medium; single reads high."""
    many = ("/import", "-since/", "/enrolments", "/contacts", "/address-books", "/campaigns", "/programs")
    if "/import/" in path and method == "GET":
        return "highCallRate"
    if path.endswith(many) or "-since/" in path:
        return (
            "lowCallRate"
            if method == "GET" or path.endswith(("/import", "/enrolments"))
            else "mediumCallRate"
        )
    return "highCallRate" if method == "GET" else "mediumCallRate"


def count(account_id: int, scope: str, now: datetime) -> dict[str, str]:
    """Count one call; the headers that say what is left."""
    minute = int(now.timestamp()) // 60
    with _lock:
        _by_minute[account_id, scope, minute] += 1
        used = _by_minute[account_id, scope, minute]
        if used == 1:
            _forget(minute - 60)
    return {
        "X-RateLimit-Limit": str(LIMITS[scope]),
        "X-RateLimit-Remaining": str(max(1, LIMITS[scope] - used)),
        "X-RateLimit-Reset": str((minute + 1) * 60),
        "X-RateLimit-Scope": scope,
    }


def _forget(before: int) -> None:
    for key in [key for key in _by_minute if key[2] < before]:
        del _by_minute[key]


def last_hour(account_id: int, now: datetime) -> int:
    """Calls of the account that this process saw within the hour."""
    since = int((now - timedelta(hours=1)).timestamp()) // 60
    with _lock:
        return sum(
            calls
            for (account, _, minute), calls in _by_minute.items()
            if account == account_id and minute > since
        )
