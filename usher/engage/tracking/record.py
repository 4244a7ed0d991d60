"""Writes down what people did with a mail. What is not there any more is passed over in silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models.functions import Coalesce

from usher.engage.contacts.suppress import suppress
from usher.engage.models import Link, Message
from usher.engage.models.contacts import Status
from usher.engage.tracking import visits
from usher.lib import addresses


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asked, as far as the request says."""

    ip: str | None
    user_agent: str


_OPEN = """
insert into engage_open (message_id, at, ip, user_agent)
select id, %(at)s, %(ip)s::inet, %(agent)s from engage_message where id = %(message)s
"""

# Whoever clicks has opened the mail, also where pictures are not loaded: a first click counts as an open.
_CLICK = f"""
with clicked as (
    insert into engage_click (message_id, link_id, at, ip, user_agent)
    select message.id, link.id, %(at)s, %(ip)s::inet, %(agent)s
      from engage_message message join engage_link link
           on link.campaign_id = message.campaign_id or link.letter_id = message.letter_id
     where message.id = %(message)s and link.id = %(link)s
)
{_OPEN}   and not exists (select 1 from engage_open where message_id = %(message)s)
"""


def opened(message: int, visitor: Visitor, now: datetime) -> None:
    """The pixel of the message was loaded."""
    _run(_OPEN, {"message": message}, visitor, now)


def clicked(message: int, link: int, visitor: Visitor, now: datetime) -> str | None:
    """A link of the message was followed: where it leads, or None if nobody knows any more."""
    target = target_of(message, link)
    if target is not None:
        _run(_CLICK, {"message": message, "link": link}, visitor, now)
    return target


def target_of(message: int, link: int) -> str | None:
    """Where the link leads, with the message's mark if that is one of the account's own sites."""
    rows = Link.objects.filter(pk=link)
    sites = Coalesce("campaign__account__tracked_sites", "letter__account__tracked_sites")
    row = rows.filter(url__startswith="http").values_list("url", sites).first()
    return visits.marked(row[0], message, row[1]) if row else None


def unsubscribed(message: int, source: str, now: datetime) -> str | None:
    """The person behind the message leaves the account; whose address that was. Twice is harmless."""
    row = Message.objects.select_related("contact", "account").filter(pk=message).first()
    if row is None:
        return None
    suppress(row.account, [addresses.key(row.to)], Status.UNSUBSCRIBED, source, now, message_id=row.pk)
    return row.to


def _run(sql: str, numbers: dict[str, int], visitor: Visitor, now: datetime) -> None:
    bound = numbers | {"at": now, "ip": visitor.ip, "agent": visitor.user_agent}
    with connection.cursor() as cursor:
        cursor.execute(sql, bound)
