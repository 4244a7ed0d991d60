"""Puts mails in the outbox, in sets: whoever may not be mailed is left out by the same statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from usher.engage.models import Campaign, Send

#: Whoever of `wanted` may be mailed now with the campaign that is bound, as `contact`: subscribed, not
#: suppressed by address or domain, and not opted out of the campaign's topic.
MAILABLE = """
  join engage_contact contact on contact.id = wanted.contact_id
 where contact.status = 'Subscribed' and contact.email_key is not null
   and not exists (select 1 from engage_suppression suppression
                    where suppression.account_id = contact.account_id
                      and suppression.email_key = contact.email_key
                      and suppression.lifted_at is null)
   and not exists (select 1 from engage_suppresseddomain shut
                    where shut.account_id = contact.account_id
                      and shut.domain = split_part(contact.email_key, '@', -1))
   and not exists (select 1 from engage_choice choice
                    where choice.contact_id = contact.id and not choice.opted_in
                      and choice.preference_id =
                          (select preference_id from engage_campaign where id = %(campaign)s))
"""

#: One row per (contact_id, enrolment_id, node) of the relation `wanted`, for whoever may be mailed now.
#: Doing it again for the same enrolment and node adds nothing. Bind `campaign` and `now`.
INSERT = f"""
insert into engage_message
       (account_id, campaign_id, contact_id, enrolment_id, node, state, queued_at, due_at,
        attempts, relay, reply, reason)
select contact.account_id, %(campaign)s, contact.id, wanted.enrolment_id, wanted.node,
       'queued', %(now)s, %(now)s, 0, '', '', ''
  from wanted {MAILABLE}
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

# The hour of the day at which each has opened most; of several the earliest.
_HABITS = """, habits as (
    select message.contact_id,
           mode() within group (order by extract(hour from seen.at at time zone %(zone)s)::int) as hour
      from engage_message message join engage_open seen on seen.message_id = message.id
     where message.contact_id = any(%(contacts)s)
     group by message.contact_id
)"""
# That hour within the day that begins with the send; without a habit, or within it, the beginning.
_AT_ITS_HOUR = """
(select case when habits.hour <> extract(hour from %(start)s::timestamptz at time zone %(zone)s)
             then date_trunc('hour', %(start)s::timestamptz, %(zone)s)
                  + make_interval(hours => (24 + habits.hour
                        - extract(hour from %(start)s::timestamptz at time zone %(zone)s)::int) %% 24)
        end
   from habits where habits.contact_id = contact.id)"""

_SEND = """
with wanted as ({wanted}){habits}
insert into engage_message
       (account_id, campaign_id, contact_id, send_id, version, node, state, queued_at, due_at,
        attempts, relay, reply, reason)
select contact.account_id, %(campaign)s, contact.id, %(send)s, wanted.version, '', 'queued', %(now)s,
       greatest(coalesce({hour}, %(now)s), %(now)s), 0, '', '', ''
  from wanted {mailable}
   and contact.account_id = %(account)s
    on conflict (send_id, contact_id) where send_id is not null do nothing
"""
_EVERYBODY = "select unnest(%(contacts)s::bigint[]) as contact_id, %(version)s as version"
# The share that is tried, of those who may be mailed: shuffled, then given the versions in turn.
_TRIED = f"""
    select contact_id, (%(versions)s::text[])[1 + (place - 1) %% cardinality(%(versions)s::text[])] as version
      from (select contact.id as contact_id,
                   row_number() over (order by md5(contact.id || %(send)s::text)) as place,
                   ceil(count(*) over () * %(percentage)s / 100.0) as most
              from (select unnest(%(contacts)s::bigint[]) as contact_id) as wanted {MAILABLE}) as shuffled
     where place <= most"""

_AT_ONCE = _SEND.format(wanted=_EVERYBODY, habits="", hour="null", mailable=MAILABLE)
_OPTIMISED = _SEND.format(wanted=_EVERYBODY, habits=_HABITS, hour=_AT_ITS_HOUR, mailable=MAILABLE)
_TEST = _SEND.format(wanted=_TRIED, habits="", hour="null", mailable=MAILABLE)


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


def queue_send(send: Send, contact_ids: Sequence[int], now: datetime, version: str = "") -> int:
    """Queue a send's campaign for these of its contacts; how many may be mailed and were not queued before.

    An optimised send reaches each within the day after it started, at the hour at which it opens most.
    """
    return _run(_OPTIMISED if send.optimised else _AT_ONCE, send, contact_ids, now, {"version": version})


def queue_test(
    send: Send, contact_ids: Sequence[int], now: datetime, versions: Sequence[str], percentage: int
) -> int:
    """Queue a part of these contacts, chosen by chance, with one version each; how many were."""
    return _run(_TEST, send, contact_ids, now, {"versions": list(versions), "percentage": percentage})


def _run(sql: str, send: Send, contact_ids: Sequence[int], now: datetime, extra: Mapping[str, Any]) -> int:
    bound: dict[str, Any] = {
        "account": send.account_id,
        "campaign": send.campaign_id,
        "send": send.pk,
        "contacts": list(contact_ids),
        "start": send.started_at or now,
        "zone": send.account.time_zone,
        "now": now,
        **extra,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
        return int(cursor.rowcount)
