"""Who gets a campaign: everybody on its lists and segments, and the contacts that were named, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from usher.engage.errors import EngageError
from usher.engage.models import Campaign, ContactList, Send
from usher.engage.models.lists import ListKind, RefreshState
from usher.engage.segments.refresh import refresh

# Every list gives its first ones beyond the last id, from an index: the whole costs the same at its end.
_NEXT = """
select contact_id from (
    select member.contact_id
      from unnest(%(lists)s::bigint[]) as one(list_id)
     cross join lateral (select contact_id from engage_membership
                          where list_id = one.list_id and unsubscribed_at is null and contact_id > %(after)s
                          order by contact_id limit %(limit)s) as member
    union
    select id from engage_contact
     where account_id = %(account)s and id = any(%(contacts)s::bigint[]) and id > %(after)s
    union
    (select id from engage_contact
      where %(everybody)s and account_id = %(account)s and id > %(after)s order by id limit %(limit)s)
) as found
 order by contact_id limit %(limit)s
"""

# Everybody who is meant, each once, with the first thing that speaks against mailing them now; as MAILABLE
# would decide, which leaves out those who have a reason here.
_OUTLOOK = """
with wanted as (
    select contact_id from engage_membership
     where list_id = any(%(lists)s::bigint[]) and unsubscribed_at is null
    union
    select id from engage_contact
     where account_id = %(account)s and (%(everybody)s or id = any(%(contacts)s::bigint[]))
)
select case when contact.status <> 'Subscribed' then contact.status
            when contact.email_key is null then %(no_address)s
            when suppression.id is not null then suppression.reason
            when shut.id is not null then 'DomainSuppression'
            when choice.id is not null then %(topic)s
            when contact.is_seed then %(seed)s
            else '' end as why, count(*)
  from wanted join engage_contact contact on contact.id = wanted.contact_id
  left join engage_suppression suppression
    on suppression.account_id = contact.account_id and suppression.email_key = contact.email_key
   and suppression.lifted_at is null
  left join engage_suppresseddomain shut
    on shut.account_id = contact.account_id and shut.domain = split_part(contact.email_key, '@', -1)
  left join engage_choice choice
    on choice.contact_id = contact.id and not choice.opted_in
   and choice.preference_id = (select preference_id from engage_campaign where id = %(campaign)s)
 where contact.account_id = %(account)s
 group by why
"""
_LEFT = """
select count(distinct gone.contact_id) from engage_membership gone
 where gone.list_id = any(%(lists)s::bigint[]) and gone.unsubscribed_at is not null
   and not exists (select 1 from engage_membership other
                    where other.contact_id = gone.contact_id and other.unsubscribed_at is null
                      and other.list_id = any(%(lists)s::bigint[]))
   and gone.contact_id <> all(%(contacts)s::bigint[]) and not %(everybody)s
"""

#: Why somebody is not mailed or not counted, beside the statuses.
NO_ADDRESS, TOPIC, SEED, LEFT_LIST = "no address", "topic", "seed", "left the list"


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whom a send would reach now."""

    #: Customers who would be mailed, and seeds who would.
    mailed: int
    seeds: int
    #: Reason (a status, or one of those above) -> contacts that would not be; the most first.
    others: dict[str, int]


def following(send: Send, limit: int) -> list[int]:
    """The next contacts of a send beyond those it has reached, by ascending id; empty at the end."""
    bound: dict[str, Any] = {
        "lists": send.lists,
        "contacts": send.contacts,
        "everybody": send.everybody,
        "account": send.account_id,
        "after": send.reached,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, bound)
        return [contact for (contact,) in cursor.fetchall()]


def refresh_segments(lists: Sequence[int], now: datetime) -> None:
    """Work out anew who is in those of the lists that are segments.

    EngageError when a rule does not fit any more: then nobody knows who is meant, and the members of
    yesterday are not mailed in their stead.
    """
    for segment in ContactList.objects.filter(pk__in=lists, kind=ListKind.SEGMENT):
        refresh(segment, now)
        segment.refresh_from_db()
        if segment.refresh_state == RefreshState.FAILED:
            problem = f"The segment '{segment.name}' cannot be worked out: {segment.refresh_error}"
            raise EngageError("ERROR_CAMPAIGN_SEND_INVALID", problem)


def outlook(
    campaign: Campaign, lists: Sequence[int], contacts: Sequence[int] = (), *, everybody: bool = False
) -> Outlook:
    """How many customers a send would mail now, and why it would not mail the others that it names."""
    bound: dict[str, Any] = {
        "campaign": campaign.pk,
        "account": campaign.account_id,
        "lists": list(lists),
        "contacts": list(contacts),
        "everybody": everybody,
        "no_address": NO_ADDRESS,
        "topic": TOPIC,
        "seed": SEED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OUTLOOK, bound)
        found: dict[str, int] = dict(cursor.fetchall())
        cursor.execute(_LEFT, bound)
        (left,) = cursor.fetchone() or (0,)
    mailed, seeds = found.pop("", 0), found.pop(SEED, 0)
    found |= {LEFT_LIST: left} if left else {}
    return Outlook(mailed, seeds, dict(sorted(found.items(), key=lambda one: -one[1])))
