"""The words by which contacts are found: written from what changed, a minute or two later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from usher.engage.models import Account

#: What stands between words.
APART = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\t\r\n"
#: Data fields whose words count.
NAMES = ("FIRSTNAME", "LASTNAME", "FULLNAME")
#: Contacts whose words are written in one transaction.
TOGETHER = 50_000
#: A transaction that begins now may write what was called now so long ago.
SLACK = timedelta(minutes=1)

# A longer value is cut: nobody types so much of a name, and no word may be as long.
_TEXT = " || ' ' || ".join(
    ["coalesce(email_key, '')", *(f"coalesce(left(data ->> '{name}', 200), '')" for name in NAMES)]
)
_WRITE = f"""
with part as (
    select id, updated_at, {_TEXT} as said from engage_contact
     where account_id = %(account)s and updated_at > %(since)s
     order by updated_at fetch first %(together)s rows with ties
), written as (
    insert into engage_contactwords as known (contact_id, words)
    select id, array_to_tsvector(array_remove(
               string_to_array(translate(lower(said), %(apart)s, %(blanks)s), ' '), '')) from part
        on conflict (contact_id) do update set words = excluded.words where known.words <> excluded.words
)
select count(*), max(updated_at) from part
"""
# Whoever writes contacts at this moment commits later than what is written is dated.
_UNDER_WAY = """
select min(activity.xact_start) from pg_locks held join pg_stat_activity activity using (pid)
 where held.relation = 'engage_contact'::regclass and held.mode = 'RowExclusiveLock'
   and pid <> pg_backend_pid()
"""


def write_all(now: datetime) -> int:
    """Write the words of every contact that changed since it was last done; how many were looked at."""
    settled = _settled(now)
    return sum(_write(account, settled) for account in Account.objects.order_by("pk"))


def _settled(now: datetime) -> datetime:
    """No change of an earlier moment is still to come."""
    with connection.cursor() as cursor:
        cursor.execute(_UNDER_WAY)
        row = cursor.fetchone()
    return min(now, row[0] if row and row[0] else now) - SLACK


def _write(account: Account, settled: datetime) -> int:
    """Of one account. What is newer than `settled` is written now, and looked at again the next time."""
    since, seen = account.words_to, 0
    values: dict[str, Any] = {"account": account.pk, "together": TOGETHER}
    values |= {"apart": APART, "blanks": " " * len(APART)}
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, values | {"since": since})
            count, newest = cursor.fetchone() or (0, since)
        seen += count
        if count:
            since = newest or since
            Account.objects.filter(pk=account.pk).update(words_to=min(since, max(settled, account.words_to)))
        if count < TOGETHER:
            return seen
