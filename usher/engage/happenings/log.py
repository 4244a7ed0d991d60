"""The happenings of an account in the order in which they were committed.

A row's id says when it was written, and not when others could see it: of two transactions the later one may
end first. So rows get their number when somebody asks, one asker at a time, and behind a number nothing
comes up later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from usher.engage.models import Account, Happening
from usher.engage.models.events import Feed

#: Advisory locks of accounts: "hapn" in the upper half.
LOCKS = 0x6861706E << 32
#: Rows that get their number in one transaction.
BATCH = 20_000

_WAITING = """
select id from engage_happening
 where account_id = %(account)s and feed = %(feed)s and number is null
 order by id limit %(most)s
"""
# In the order of the ids; as an array, because of one the planner knows how long it is.
_NUMBERS = "select nextval('engage_happening_number') from generate_series(1, %s)"
_NUMBER = """
update engage_happening happening
   set number = numbered.number, recorded_at = %(now)s
  from unnest(%(ids)s::bigint[], %(numbers)s::bigint[]) as numbered(id, number)
 where happening.id = numbered.id
"""
_END = "select last_value from engage_happening_number where is_called"


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to be told: one type, if the data fits."""

    type: str
    #: (path, regular expression, whether case matters): all have to fit.
    filters: Sequence[tuple[str, str, bool]] = field(default=())


def settle(account: Account, feed: Feed, now: datetime) -> int:
    """Give what was committed of a feed its numbers; the highest number there is.

    Everything up to it can be seen from now on, and nothing up to it is still to come.
    """
    count = BATCH
    while count == BATCH:
        count, end = _numbered(account, feed, now)
    return end


def _numbered(account: Account, feed: Feed, now: datetime) -> tuple[int, int]:
    """How many rows got their number, and the highest one: asked while nobody else gives any."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCKS + account.pk])
        cursor.execute(_WAITING, {"account": account.pk, "feed": feed.value, "most": BATCH})
        ids = [key for (key,) in cursor.fetchall()]
        if ids:
            cursor.execute(_NUMBERS, [len(ids)])
            numbers = sorted(number for (number,) in cursor.fetchall())
            cursor.execute(_NUMBER, {"ids": ids, "numbers": numbers, "now": now})
        cursor.execute(_END)
        row = cursor.fetchone()
    return len(ids), int(row[0]) if row else 0


def read(
    account: Account, feed: Feed, wanted: Iterable[Wanted], after: int, upto: int, most: int
) -> list[Happening]:
    """At most so many happenings with `after` < number <= `upto` that somebody wants, by number."""
    conditions, bound = [], []
    for one in wanted:
        parts, values = _condition(one)
        conditions.append(parts)
        bound += values
    if not conditions:
        return []
    sql = f"""
        select * from engage_happening
         where account_id = %s and number > %s and number <= %s and feed = %s
           and ({" or ".join(conditions)})
         order by number limit %s"""
    return list(Happening.objects.raw(sql, [account.pk, after, upto, feed.value, *bound, most]))


def _condition(one: Wanted) -> tuple[str, list[Any]]:
    parts, values = ["type = %s"], [one.type]
    for path, pattern, case in one.filters:
        parts.append(
            "exists (select from jsonb_path_query(data, %s::jsonpath) value"
            f" where value #>> '{{}}' {'~' if case else '~*'} %s)"
        )
        values += [path, pattern]
    return f"({' and '.join(parts)})", values
