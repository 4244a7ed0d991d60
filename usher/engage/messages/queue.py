"""Puts mails in the outbox, in sets: whoever may not be mailed is left out by the same statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from usher.engage.models import Campaign

#: One row per (contact_id, enrolment_id, node) of the relation `wanted`, for whoever may be mailed now.
#: Doing it again for the same enrolment and node adds nothing. Bind `campaign` and `now`.
INSERT = """
insert into engage_message
       (account_id, campaign_id, contact_id, enrolment_id, node, state, queued_at, due_at,
        attempts, relay, reply, reason)
select contact.account_id, %(campaign)s, contact.id, wanted.enrolment_id, wanted.node,
       'queued', %(now)s, %(now)s, 0, '', '', ''
  from wanted
  join engage_contact contact on contact.id = wanted.contact_id
 where contact.status = 'Subscribed' and contact.email_key is not null
   and not exists (select 1 from engage_suppression suppression
                    where suppression.account_id = contact.account_id
                      and suppression.email_key = contact.email_key
                      and suppression.lifted_at is null)
    on conflict (enrolment_id, node) do nothing
returning enrolment_id
"""

_QUEUE = f"""
with wanted as (
    select id as contact_id, null::bigint as enrolment_id, '' as node
      from engage_contact
     where account_id = %(account)s and id = any(%(contacts)s)
), queued as ({INSERT})
select count(*) from queued
"""


def queue(campaign: Campaign, contact_ids: Sequence[int], now: datetime) -> int:
    """Queue the campaign for these contacts of its account; how many may be mailed and were queued."""
    bound: dict[str, Any] = {
        "account": campaign.account_id,
        "campaign": campaign.pk,
        "contacts": list(contact_ids),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, bound)
        row = cursor.fetchone()
    return int(row[0]) if row else 0
