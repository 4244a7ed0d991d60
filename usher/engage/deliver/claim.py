"""Takes a batch of due messages into this sender's hands, leaving out whoever may no longer be mailed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from usher.engage.messages.letters import BARRED, BOUND
from usher.engage.models import Claim, Message
from usher.engage.models.messages import MessageState

#: The claims' place among PostgreSQL's advisory locks: "ushe" in its upper half.
LOCKS = 0x75736865 << 32


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in our hands, with all that is needed to render it."""

    message: int
    #: None for a letter that says all by itself.
    campaign: int | None
    #: None for a letter, which goes to an address.
    contact: int | None
    email: str
    data: Mapping[str, Any]
    attempts: int
    queued_at: datetime
    letter: UUID | None = None
    #: Of a split test.
    version: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    claim: int
    messages: list[Claimed]
    #: Left out because their contact may not be mailed any more.
    skipped: int


_BARRED = BARRED.format(letter="due.letter_id", address="due.address")
# materialized: else the reason is written into each of its uses, and planning takes as long as running
_TAKE = f"""
with due as (
    select id, campaign_id, contact_id, send_id, letter_id, address
      from engage_message
     where state = 'queued' and due_at <= %(now)s and (not %(letters)s or letter_id is not null)
     order by due_at, id
     limit %(limit)s
       for update skip locked
), judged as materialized (
    select due.id, coalesce(contact.email, due.address) as email, contact.data,
           case when due.letter_id is not null and due.contact_id is null then {_BARRED}
                when suppression.reason is not null then suppression.reason
                when contact.status <> 'Subscribed' then contact.status
                when contact.email_key is null then 'no address'
                when exists (select 1 from engage_choice choice
                              where choice.contact_id = due.contact_id and not choice.opted_in
                                and choice.preference_id = (select preference_id from engage_campaign
                                                             where id = due.campaign_id))
                then 'opted out of the topic'
                when exists (select 1 from engage_membership gone
                              where gone.contact_id = due.contact_id and gone.list_id = any(send.lists)
                                and gone.unsubscribed_at is not null)
                     and due.contact_id <> all(send.contacts) and not send.everybody
                     and not exists (select 1 from engage_membership other
                                      where other.contact_id = due.contact_id
                                        and other.list_id = any(send.lists)
                                        and other.unsubscribed_at is null)
                then 'left the list' end as reason
      from due
      left join engage_send send on send.id = due.send_id
      left join engage_contact contact on contact.id = due.contact_id
      left join engage_suppression suppression
        on suppression.account_id = contact.account_id
       and suppression.email_key = contact.email_key
       and suppression.lifted_at is null
)
update engage_message message
   set state = case when judged.reason is null then 'claimed' else 'skipped' end,
       claim_id = case when judged.reason is null then %(claim)s::bigint end,
       attempts = message.attempts + case when judged.reason is null then 1 else 0 end,
       reason = case when judged.reason is null then '' else 'may not be mailed: ' || judged.reason end
  from judged
 where message.id = judged.id
returning message.state, message.id, message.campaign_id, message.contact_id, judged.email, judged.data::text,
          message.attempts, message.queued_at, message.letter_id, message.version
"""


def claim(now: datetime, limit: int) -> Batch | None:
    """At most `limit` messages that are due, locked to this database session; None if nothing is due.

    One transaction takes the rows, looks at status and suppressions again, and writes down who has them.
    Somebody waits for a letter: they are taken before all others. A letter to a contact is marketing.
    """
    due = Message.objects.filter(state=MessageState.QUEUED, due_at__lte=now)
    letters = due.filter(letter__isnull=False).exists()
    if not letters and not due.exists():
        return None
    with transaction.atomic(), connection.cursor() as cursor:
        held = Claim.objects.create(claimed_at=now, size=0)
        # before anybody can see the claim, so that it never looks like a dead sender's
        cursor.execute("select pg_advisory_lock(%s)", [LOCKS + held.pk])
        cursor.execute(_TAKE, BOUND | {"now": now, "limit": limit, "claim": held.pk, "letters": letters})
        rows = cursor.fetchall()
        taken = [_claimed(row) for row in rows if row[0] == MessageState.CLAIMED]
        settled = {} if taken else {"settled_at": now}
        Claim.objects.filter(pk=held.pk).update(size=len(taken), **settled)
    if not taken:
        release(held.pk)
    return Batch(held.pk, taken, len(rows) - len(taken))


def release(claim: int) -> None:
    """Give up the session's lock on a claim; harmless when it is not held."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(%s)", [LOCKS + claim])


def _claimed(row: tuple[Any, ...]) -> Claimed:
    return Claimed(row[1], row[2], row[3], row[4], json.loads(row[5] or "{}"), *row[6:10])
