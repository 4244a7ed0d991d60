"""Who gets a campaign: everybody on its lists and segments, and the contacts that were named, each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from usher.engage.errors import EngageError
from usher.engage.messages.queue import MAILABLE
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

_MAILABLE = f"""
with wanted as (
    select contact_id from engage_membership
     where list_id = any(%(lists)s::bigint[]) and unsubscribed_at is null
    union
    select id from engage_contact
     where account_id = %(account)s and (%(everybody)s or id = any(%(contacts)s::bigint[]))
)
select count(*) from wanted {MAILABLE} and contact.account_id = %(account)s and not contact.is_seed
"""


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


def count(
    campaign: Campaign, lists: Sequence[int], contacts: Sequence[int] = (), *, everybody: bool = False
) -> int:
    """How many customers (not seeds) a send would mail now."""
    bound: dict[str, Any] = {
        "campaign": campaign.pk,
        "account": campaign.account_id,
        "lists": list(lists),
        "contacts": list(contacts),
        "everybody": everybody,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MAILABLE, bound)
        row = cursor.fetchone()
    return int(row[0]) if row else 0
