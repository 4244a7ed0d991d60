"""What became of a campaign hour by hour or day by day: delivered, opened for the first time, clicked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.db import connection

from usher.engage.models import Campaign
from usher.engage.reports.received import MAIL

Unit = Literal["hour", "day", "week"]
#: Spans longer than these are told in the next larger unit.
LONGEST: dict[Unit, timedelta] = {"hour": timedelta(days=4), "day": timedelta(days=370)}

_SPAN = """
select min(sent_at), greatest(max(sent_at), (
    select max(at) from engage_open deed join engage_message message on message.id = deed.message_id
     where message.campaign_id = %(campaign)s))
  from engage_message where campaign_id = %(campaign)s and sent_at is not null
"""
_COURSE = f"""
with {MAIL}, deeds as (
    select 0 as what, sent_at as at from mail where state = 'sent'
    union all
    select 1, min(deed.at) from mail join engage_open deed on deed.message_id = mail.id group by mail.id
    union all
    select 2, min(deed.at) from mail join engage_click deed on deed.message_id = mail.id group by mail.id
)
select date_trunc(%(unit)s, at, %(zone)s), count(*) filter (where what = 0),
       count(*) filter (where what = 1), count(*) filter (where what = 2)
  from deeds where at is not null group by 1 order by 1
"""


@dataclass(frozen=True, slots=True)
class Step:
    """Mails that were delivered, opened and clicked in by the end of this hour, day or week."""

    at: datetime
    delivered: int
    opened: int
    clicked: int


def course(campaign: Campaign, zone: ZoneInfo) -> tuple[Unit, list[Step]]:
    """The campaign's numbers as they grew, in units that suit its length, without the empty ones.

    The first step is the unit before the first mail, with nothing.
    """
    unit = _unit(campaign)
    bound = {"campaigns": [campaign.pk], "unit": unit, "zone": zone.key}
    with connection.cursor() as cursor:
        cursor.execute(_COURSE, bound)
        rows = cursor.fetchall()
    steps = [Step(rows[0][0] - timedelta(**{f"{unit}s": 1}), 0, 0, 0)] if rows else []
    for at, delivered, opened, clicked in rows:
        last = steps[-1]
        steps.append(Step(at, last.delivered + delivered, last.opened + opened, last.clicked + clicked))
    return unit, steps


def _unit(campaign: Campaign) -> Unit:
    with connection.cursor() as cursor:
        cursor.execute(_SPAN, {"campaign": campaign.pk})
        first, last = cursor.fetchone() or (None, None)
    span = last - first if first and last else timedelta(0)
    return next((unit for unit, longest in LONGEST.items() if span <= longest), "week")
