"""How many transactional mails an account may still send today (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection

from usher.engage.models import Account

#: Recipients a day, unless the account's limits say otherwise.
A_DAY = 50_000
#: Letters older than this are all committed, so they are counted once.
SETTLED = timedelta(minutes=1)

_COUNT = """
select coalesce(sum(jsonb_array_length("to") + jsonb_array_length(cc) + jsonb_array_length(bcc)), 0)
  from engage_letter
 where account_id = %s and kind = 'transactional' and created_at >= %s and created_at < %s
"""

#: Account -> up to when the letters of the day were counted, and how many recipients they had. Each process
#: remembers for itself what the rows say, so that a busy day's letters are not counted at every call.
_counted: dict[int, tuple[datetime, int]] = {}


def hold(account: Account) -> None:
    """Let nobody else of the account look at what is left until this transaction has ended."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)


def left(account: Account, now: datetime) -> int:
    """Recipients that may still be written to today; 0 or less: none."""
    return int(account.limits.get("transactional_mails_a_day", A_DAY)) - sent_today(account, now)


def sent_today(account: Account, now: datetime) -> int:
    """Recipients of the transactional letters of this UTC day."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since, count = _counted.get(account.pk, (midnight, 0))
    if not midnight <= since <= now:
        since, count = midnight, 0
    settled = max(since, now - SETTLED)
    count += _between(account, since, settled)
    _counted[account.pk] = settled, count
    return count + _between(account, settled, now + SETTLED)


def _between(account: Account, since: datetime, until: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [account.pk, since, until])
        row = cursor.fetchone()
    return int(row[0]) if row else 0
