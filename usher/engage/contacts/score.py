"""How interested a contact is, from 0 to 100: what it opened and clicked in the last 90 days.

Dotdigital lets its users make up the points. Here a mail that was opened counts 5 and one in which a link was
clicked 15 more, up to 100. Nothing is known of how well a contact suits: its suitability is always 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

SINCE = timedelta(days=90)
MOST = 100
#: From how many points on a contact is called so.
LABELS = ((60, "Hot"), (30, "Warm"), (10, "Cool"), (0, "Cold"))

_SCORE = """
select message.contact_id,
       least(%(most)s, 5 * count(distinct message.id) filter (where opened.at is not null)
                     + 15 * count(distinct message.id) filter (where clicked.at is not null)),
       greatest(max(opened.at), max(clicked.at))
  from engage_message message
  left join lateral (select max(at) as at from engage_open
                      where message_id = message.id and at > %(since)s and at <= %(now)s) opened on true
  left join lateral (select max(at) as at from engage_click
                      where message_id = message.id and at > %(since)s and at <= %(now)s) clicked on true
 where message.contact_id = any(%(contacts)s)
   and (opened.at is not null or clicked.at is not null)
 group by message.contact_id
"""


@dataclass(frozen=True)
class Score:
    points: int
    #: When the contact last opened or clicked; null when it never did in that time.
    at: datetime | None = None

    @property
    def label(self) -> str:
        return next(label for least, label in LABELS if self.points >= least)


def scores(contact_ids: Iterable[int], now: datetime) -> dict[int, Score]:
    """The score of each of these contacts."""
    wanted = list(contact_ids)
    values: dict[str, Any] = {"contacts": wanted, "since": now - SINCE, "now": now, "most": MOST}
    with connection.cursor() as cursor:
        cursor.execute(_SCORE, values)
        found = {contact: Score(int(points), at) for contact, points, at in cursor.fetchall()}
    return {contact: found.get(contact, Score(0)) for contact in wanted}
