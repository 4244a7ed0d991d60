"""API users with what they called within the hour, and the record of calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from usher.engage import access
from usher.engage.accounts import limit
from usher.engage.api.declared import declared
from usher.engage.api.limits import TIERS, TOO_MANY, by_minute, last_hour
from usher.engage.models import Account, ApiCall, ApiUser
from usher.engage.models.accounts import Scheme

HOUR = timedelta(hours=1)
#: Statuses from here on are errors.
ERRORS = 400

# Ids and addresses are alike for a limit: with one in the place of all, the shapes of calls are few.
_CALLED = r"""
select user_id, method,
       regexp_replace(regexp_replace(split_part(path, '?', 1), '/\d+(?=/|$)', '/1', 'g'),
                      '[^/]*@[^/]*', 'a@b', 'g') as shape,
       count(*), count(*) filter (where status >= %(errors)s), max(at)
  from engage_apicall
 where account_id = %(account)s and at > %(since)s and user_id is not null
 group by user_id, method, shape
"""


@dataclass
class Use:
    """What an API user called within the hour."""

    calls: int = 0
    errors: int = 0
    last: datetime | None = None
    #: Calls by tier.
    tiers: Counter[str] = field(default_factory=Counter)

    def add(self, tier: str, calls: int, errors: int, last: datetime) -> None:
        self.calls += calls
        self.errors += errors
        self.tiers[tier] += calls
        self.last = max(self.last or last, last)

    def by_tier(self) -> list[tuple[str, int]]:
        return [(name, self.tiers[tier]) for tier, name in tier_names().items()]


def tier_names() -> dict[str, str]:
    return dict(zip(TIERS, (_("low"), _("medium"), _("high")), strict=True))


def users(account: Account, now: datetime) -> list[tuple[ApiUser, Use]]:
    """Every API user of the account, oldest first."""
    used = _used(account, now)
    return [(user, used.get(user.pk, Use())) for user in access.api_users(account)]


def _used(account: Account, now: datetime) -> dict[int, Use]:
    found: dict[int, Use] = {}
    values: dict[str, Any] = {"errors": ERRORS, "account": account.pk, "since": now - HOUR}
    with connection.cursor() as cursor:
        cursor.execute(_CALLED, values)
        for user, method, path, calls, errors, last in cursor.fetchall():
            tier = declared(method, path.replace("//", "/").rstrip("/") or "/").tier
            found.setdefault(user, Use()).add(tier, calls, errors, last)
    return found


def limits(account: Account) -> list[tuple[str, int]]:
    """How many calls a minute each tier allows."""
    return [(name, limit(account, TIERS[tier])) for tier, name in tier_names().items()]


@dataclass(frozen=True)
class Meter:
    """How near a tier came to its limit."""

    name: str
    allowed: int
    #: Calls of the minute that is running, and of the fullest of the last hour.
    now: int
    peak: int

    @property
    def percent(self) -> int:
        """Of the limit, at the peak."""
        return min(100, 100 * self.peak // self.allowed) if self.allowed else 100

    @property
    def tone(self) -> str:
        """warn from four fifths of the limit on, bad at the limit."""
        return "bad" if self.percent == 100 else "warn" if self.percent >= 80 else ""


@dataclass(frozen=True)
class Pulse:
    """The rate at which an account was called within the hour, as its limits count it."""

    meters: list[Meter]
    #: Minute by minute, for the chart.
    chart: dict[str, Any]
    #: What the flat scheme counted, and what it allows.
    flat: int
    flat_allowed: int
    #: Whether the flat scheme holds for anybody.
    is_flat: bool
    #: Calls that a limit refused.
    refused: int


def pulse(account: Account, now: datetime, zone: str) -> Pulse:
    minutes = by_minute(account, now)
    meters = [
        Meter(name, limit(account, TIERS[tier]), minutes[-1][tier], max(one[tier] for one in minutes))
        for tier, name in tier_names().items()
    ]
    begin = now.replace(second=0, microsecond=0) - timedelta(minutes=len(minutes) - 1)
    at = [begin + timedelta(minutes=number) for number in range(len(minutes))]
    chart = {
        "x": [one.timestamp() for one in at],
        "ys": [[one[tier] for one in minutes] for tier in tier_names()],
        "names": list(tier_names().values()),
        "shown": [date_format(localtime(one), "H:i") for one in at],
        "zone": zone,
    }
    lately = ApiCall.objects.filter(account=account, at__gt=now - HOUR)
    refused = lately.filter(Q(status=429) | Q(status=400, token=TOO_MANY)).count()
    is_used = any(any(one.values()) for one in minutes)
    allowed = limit(account, "calls_an_hour")
    is_flat = ApiUser.objects.filter(account=account, scheme=Scheme.FLAT).exists()
    return Pulse(meters, chart if is_used else {}, last_hour(account, now), allowed, is_flat, refused)


def pretty(body: str) -> str:
    """JSON with its levels indented; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def make(
    account: Account, username: str, permissions: Iterable[str], scheme: str, now: datetime
) -> tuple[str, str]:
    """A new API user; its name and the password that is never shown again. AccessError says why not."""
    return access.create_api_user(account, now, username, None, permissions, Scheme(scheme))


def calls(account: Account, *, errors: bool, user: int | None, text: str) -> QuerySet[ApiCall]:
    """The account's calls that are on record, whose path, method or error token holds `text`."""
    found = ApiCall.objects.filter(account=account).select_related("user").defer("sent", "answered")
    found = found.filter(status__gte=ERRORS) if errors else found
    if text:
        found = found.filter(Q(path__icontains=text) | Q(token__icontains=text) | Q(method__iexact=text))
    return found.filter(user=user) if user else found
