"""What became of transactional mails, by period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import TextChoices

from usher.engage.models import Account


class Period(TextChoices):
    ALL_TIME = "AllTime"
    MONTH = "Month"
    WEEK = "Week"
    DAY = "Day"


@dataclass(frozen=True, slots=True)
class Figures:
    """Mails that were asked for in this period. An open or click counts once for a mail and link."""

    start: datetime
    #: Its last second.
    end: datetime
    sent: int = 0
    delivered: int = 0
    opens: int = 0
    clicks: int = 0
    complaints: int = 0
    bounces: int = 0


_FIGURES = """
select date_trunc(%(unit)s, letter.created_at, 'UTC') as period,
       count(*) filter (where message.state in ('sent', 'bounced', 'ambiguous')),
       count(*) filter (where message.state = 'sent'),
       count(*) filter (where exists (select 1 from engage_open o where o.message_id = message.id)),
       coalesce(sum((select count(distinct c.link_id) from engage_click c
                      where c.message_id = message.id)), 0),
       count(*) filter (where exists (
           select 1 from engage_suppression s
            where s.message_id = message.id and s.reason in ('IspComplained', 'DirectComplaint'))),
       count(*) filter (where message.state = 'bounced')
  from engage_letter letter join engage_message message on message.letter_id = letter.id
 where letter.account_id = %(account)s and letter.kind = 'transactional'
   and letter.created_at >= %(start)s and letter.created_at <= %(end)s
 group by period order by period
"""
#: What PostgreSQL calls them; the years of one millennium are one for "all time".
_UNITS = {Period.ALL_TIME: "millennium", Period.MONTH: "month", Period.WEEK: "week", Period.DAY: "day"}
_SECOND = timedelta(seconds=1)


def figures(account: Account, start: datetime, end: datetime, period: Period) -> list[Figures]:
    """One row for all time, or one for each month, week (from Monday) or day in which there were mails.

    The first and last are cut to `start` and `end`, both included; UTC.
    """
    bound: dict[str, Any] = {"account": account.pk, "start": start, "end": end, "unit": _UNITS[period]}
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, bound)
        rows = cursor.fetchall()
    if period == Period.ALL_TIME:
        columns = list(zip(*rows, strict=True))[1:]
        return [Figures(start, end, *(int(sum(column)) for column in columns))]
    return [
        Figures(max(start, row[0]), min(end, _next(row[0], period) - _SECOND), *map(int, row[1:]))
        for row in rows
    ]


def _next(start: datetime, period: Period) -> datetime:
    """When the period that begins at `start` is over."""
    start = start.astimezone(UTC)
    if period == Period.MONTH:
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    return start + timedelta(days=7 if period == Period.WEEK else 1)
