"""Happenings are kept until everybody has been told of them, and never longer than a month."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from usher.engage.happenings import subscriptions
from usher.engage.happenings.subscriptions import UNUSED

#: What other systems tell of contacts is kept for so long.
TOLD_KEPT = timedelta(days=400)

# What all who are told of a feed have confirmed, and what is too old for anybody.
_FORGET = """
with floors as materialized (
    select account_id, feed, min(after) as after
      from (select account_id, 'events' as feed, after from engage_subscription where status = 'active'
             union all
            select webhook.account_id, 'webhooks', state.after
              from engage_webhook webhook join engage_webhookstate state on state.webhook_id = webhook.id
             where webhook.deleted_at is null) heard
     group by account_id, feed
)
delete from engage_happening happening
 where at < %(old)s
    or number <= coalesce((select floors.after from floors
                            where floors.account_id = happening.account_id
                              and floors.feed = happening.feed), number)
"""


def forget(now: datetime) -> int:
    """Give up the subscriptions that nobody uses, and delete what nobody is to be told; how many rows."""
    subscriptions.give_up(now)
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"old": now - UNUSED})
        count = int(cursor.rowcount)
        cursor.execute("delete from engage_contactevent where recorded_at < %s", [now - TOLD_KEPT])
        return count + int(cursor.rowcount)
