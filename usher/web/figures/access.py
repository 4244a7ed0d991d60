"""API users with what they called within the hour, and the record of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from usher.engage import access
from usher.engage.accounts import limit
from usher.engage.api.declared import declared
from usher.engage.api.limits import TIERS
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


def make(
    account: Account, username: str, permissions: Iterable[str], scheme: str, now: datetime
) -> tuple[str, str]:
    """A new API user; its name and the password that is never shown again. AccessError says why not."""
    return access.create_api_user(account, now, username, None, permissions, Scheme(scheme))


def calls(account: Account, *, errors: bool, user: int | None) -> QuerySet[ApiCall]:
    """The account's calls that are on record."""
    found = ApiCall.objects.filter(account=account).select_related("user").defer("sent", "answered")
    found = found.filter(status__gte=ERRORS) if errors else found
    return found.filter(user=user) if user else found
