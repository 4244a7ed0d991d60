"""How often an account may call: by the minute and tier, by the hour, or as often as it likes.

All users of an account share its counts, and so do all web processes of a machine; machines count apart.
A call that is refused is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address

from django.http import HttpRequest

from usher.engage.accounts import limit
from usher.engage.api.declared import HIGH, LOW, MEDIUM, Declared
from usher.engage.api.problems import ApiError
from usher.engage.models import Account, ApiUser
from usher.engage.models.accounts import Scheme
from usher.engage.tally import Tally, tally

#: Tier -> its number among the limits of an account.
TIERS = {LOW: "low_calls", MEDIUM: "medium_calls", HIGH: "high_calls"}
#: Columns of the tally: one for each tier, and one for what the flat scheme counts.
_COLUMNS = {tier: column for column, tier in enumerate(TIERS)}
_FLAT = len(TIERS)
#: A slot for each minute of the hour, and a few to spare.
_HOUR, _SLOTS = 60, 64

TOO_MANY = "ERROR_APIUSAGE_EXCEEDED"


class TooManyCallsError(ApiError):
    """The limit is reached; `headers` say until when."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(status, TOO_MANY, message)
        self.headers = headers


def scheme_of(user: ApiUser, request: HttpRequest) -> Scheme:
    """By which scheme this call is counted: Usher's own client on this machine is let through."""
    is_free = is_own(request) and not limit(user.account, "own_calls")
    return Scheme.NONE if is_free else Scheme(user.scheme)


def is_own(request: HttpRequest) -> bool:
    """Does the call come from Usher itself, on this machine and not through a proxy?"""
    said = request.META
    if not said.get("HTTP_USER_AGENT", "").startswith("usher/") or "HTTP_X_FORWARDED_FOR" in said:
        return False
    try:
        return ip_address(said.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def count(account: Account, scheme: Scheme, called: Declared, now: datetime) -> Mapping[str, str]:
    """Count one call; the headers that say what is left. Over the limit TooManyCallsError is raised."""
    if scheme == Scheme.NONE:
        return {}
    minute, counts = int(now.timestamp()) // 60, _of(account)
    with counts.held():
        if scheme == Scheme.FLAT:
            _look_at_the_hour(account, called, counts, minute)
            headers: Mapping[str, str] = {}
        else:
            headers = _look_at_the_minute(account, called, counts, minute, now)
        counts.add(minute % _SLOTS, minute, _columns(called))
    return headers


def last_hour(account: Account, now: datetime) -> int:
    """The calls within the hour that the flat scheme counts."""
    counts = _of(account)
    with counts.held():
        return _counted(counts, int(now.timestamp()) // 60)


def by_minute(account: Account, now: datetime) -> list[dict[str, int]]:
    """Tier -> its calls, for each minute of the last hour, oldest first; the last one is still running."""
    counts, last = _of(account), int(now.timestamp()) // 60
    with counts.held():
        found = [counts.counts(then % _SLOTS, then) for then in range(last - _HOUR + 1, last + 1)]
    return [{tier: one[column] for tier, column in _COLUMNS.items()} for one in found]


def over(account: Account, tier: str, now: datetime) -> TooManyCallsError:
    """The answer to a call over the limit of its tier."""
    most = limit(account, TIERS[tier])
    headers = _standing(tier, most, most, int(now.timestamp()) // 60)
    wait = max(1, math.ceil(int(headers["X-RateLimit-Reset"]) - now.timestamp()))
    message = f"More than {most} calls of {tier} within a minute."
    return TooManyCallsError(429, message, {**headers, "Retry-After": str(wait)})


def _standing(tier: str, most: int, used: int, minute: int) -> Mapping[str, str]:
    """What a client is told after `used` calls in this minute (since 1970)."""
    return {
        "X-RateLimit-Limit": str(most),
        "X-RateLimit-Remaining": str(max(0, most - used)),
        "X-RateLimit-Reset": str((minute + 1) * 60),
        "X-RateLimit-Scope": tier,
    }


def _look_at_the_hour(account: Account, called: Declared, counts: Tally, minute: int) -> None:
    most = limit(account, "calls_an_hour")
    if called.is_counted and _counted(counts, minute) >= most:
        raise TooManyCallsError(400, f"More than {most} calls within an hour.", {})


def _look_at_the_minute(
    account: Account, called: Declared, counts: Tally, minute: int, now: datetime
) -> Mapping[str, str]:
    if called.tier not in TIERS:
        return {}
    most = limit(account, TIERS[called.tier])
    used = counts.counts(minute % _SLOTS, minute)[_COLUMNS[called.tier]]
    if used >= most:
        raise over(account, called.tier, now)
    return _standing(called.tier, most, used + 1, minute)


def _columns(called: Declared) -> list[int]:
    tier = [_COLUMNS[called.tier]] if called.tier in TIERS else []
    return [*tier, _FLAT] if called.is_counted else tier


def _counted(counts: Tally, minute: int) -> int:
    return sum(counts.counts(then % _SLOTS, then)[_FLAT] for then in range(minute - _HOUR + 1, minute + 1))


def _of(account: Account) -> Tally:
    return tally(f"calls-{account.pk}", _SLOTS, len(TIERS) + 1)
