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

_COURSE = f"""
with {MAIL}, deeds as (
    select 0 as what, sent_at as at from mail where state = 'sent'
    union all
    select 1, min(deed.at) from mail join engage_open deed on deed.message_id = mail.id group by mail.id
    union all
    select 2, min(deed.at) from mail join engage_click deed on deed.message_id = mail.id group by mail.id
)
select date_trunc('hour', at, %(zone)s), count(*) filter (where what = 0),
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
    with connection.cursor() as cursor:
        cursor.execute(_COURSE, {"campaigns": [campaign.pk], "zone": zone.key})
        rows = cursor.fetchall()
    if not rows:
        return "hour", []
    span = rows[-1][0] - rows[0][0]
    unit: Unit = next((one for one, longest in LONGEST.items() if span <= longest), "week")
    steps = [Step(_begin(rows[0][0], unit, zone) - timedelta(**{f"{unit}s": 1}), 0, 0, 0)]
    for at, delivered, opened, clicked in rows:
        begin, last = _begin(at, unit, zone), steps[-1]
        if last.at == begin:
            steps.pop()
        steps.append(Step(begin, last.delivered + delivered, last.opened + opened, last.clicked + clicked))
    return unit, steps


def _begin(at: datetime, unit: Unit, zone: ZoneInfo) -> datetime:
    """When the unit began that this hour is in; weeks begin on Monday."""
    if unit == "hour":
        return at
    local = at.astimezone(zone).replace(hour=0)
    return local - timedelta(days=local.weekday()) if unit == "week" else local
