"""When campaigns were sent, and which of them somebody still takes notice of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from usher.engage.models import Account, Campaign, Message

# From the index, whatever number of mails a campaign has.
_LAST = """
select campaign.id, last.sent_at
  from unnest(%(campaigns)s::bigint[]) as campaign(id)
 cross join lateral (select sent_at from engage_message
                      where campaign_id = campaign.id and sent_at is not null
                      order by sent_at desc limit 1) as last
"""

# By what was done when: the times have indexes, whatever number of mails the campaigns have.
_ACTIVE = """
select message.campaign_id from engage_message message
 where message.account_id = %(account)s and message.sent_at between %(since)s and %(until)s
union
select message.campaign_id
  from engage_open deed join engage_message message on message.id = deed.message_id
 where message.account_id = %(account)s and deed.at between %(since)s and %(until)s
union
select message.campaign_id
  from engage_click deed join engage_message message on message.id = deed.message_id
 where message.account_id = %(account)s and deed.at between %(since)s and %(until)s
union
select message.campaign_id
  from engage_suppression deed join engage_message message on message.id = deed.message_id
 where deed.account_id = %(account)s and deed.at between %(since)s and %(until)s
"""


def last(campaigns: Sequence[int]) -> dict[int, datetime]:
    """Campaign -> when a relay last took a mail of it, of those that were sent."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"campaigns": list(campaigns)})
        return dict(cursor.fetchall())


def since(rows: QuerySet[Campaign], moment: datetime) -> QuerySet[Campaign]:
    """Those of these campaigns that were sent since then."""
    return rows.filter(Exists(Message.objects.filter(campaign=OuterRef("pk"), sent_at__gte=moment)))


def active(account: Account, begin: datetime, end: datetime) -> list[int]:
    """Campaigns of which a mail was sent, opened or clicked, or led to an opt-out, in that time."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVE, {"account": account.pk, "since": begin, "until": end})
        return [campaign for (campaign,) in cursor.fetchall() if campaign is not None]
