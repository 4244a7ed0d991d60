"""Who is on a list: joining, leaving, opting out of it and coming back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from usher.engage.errors import EngageError
from usher.engage.models import Contact, ContactList, Membership
from usher.engage.models.contacts import Status

#: Members that a list shows and counts: those who opted out or are suppressed keep their row, unseen.
SHOWN = (Status.SUBSCRIBED, Status.PENDING_OPT_IN)


def members(found: ContactList) -> QuerySet[Contact]:
    """The contacts that the list shows."""
    return Contact.objects.filter(
        memberships__list=found, memberships__unsubscribed_at=None, status__in=SHOWN
    )


def rows(found: ContactList) -> QuerySet[Membership]:
    """The same with their memberships, of which pages are cut by `contact_id`."""
    shown = Membership.objects.filter(list=found, unsubscribed_at=None, contact__status__in=SHOWN)
    return shown.select_related("contact")


# All rows less those who opted out and the few who are not shown: the most are counted in an index alone.
_COUNTS = """
select list_id, sum(members)::bigint
  from (select list_id, count(*) as members from engage_membership
         where list_id = any(%(lists)s)
         group by list_id
         union all
        select list_id, -count(*) from engage_membership
         where list_id = any(%(lists)s) and unsubscribed_at is not null
         group by list_id
         union all
        select member.list_id, -count(*) from engage_contact contact
          join engage_membership member on member.contact_id = contact.id
         where contact.account_id = any(%(accounts)s)
           and contact.status not in ('Subscribed', 'PendingOptIn')
           and member.list_id = any(%(lists)s) and member.unsubscribed_at is null
         group by member.list_id) counted
 group by list_id
"""


def counts(lists: Iterable[ContactList]) -> dict[int, int]:
    """List id -> how many contacts it shows, of each that shows any."""
    wanted = {row.pk: row.account_id for row in lists}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"lists": list(wanted), "accounts": list(set(wanted.values()))})
        return {found: count for found, count in cursor.fetchall() if count}


def join(found: ContactList, contact: Contact, now: datetime) -> bool:
    """Put a contact on a list; whether it was not on it before. Refused after an opt-out of this list."""
    membership, joined = Membership.objects.get_or_create(
        list=found, contact=contact, defaults={"joined_at": now}
    )
    if membership.unsubscribed_at:
        raise EngageError(
            "ERROR_CONTACT_SUPPRESSEDFORADDRESSBOOK", "Contact is suppressed for this address book."
        )
    return joined


def rejoin(found: ContactList, contact: Contact, now: datetime) -> bool:
    """Put a contact on a list who asks to come back to it; whether it was not on it before."""
    membership, joined = Membership.objects.get_or_create(
        list=found, contact=contact, defaults={"joined_at": now}
    )
    if membership.unsubscribed_at:
        Membership.objects.filter(pk=membership.pk).update(unsubscribed_at=None, joined_at=now)
        return True
    return joined


def opt_out(found: ContactList, contact: Contact, now: datetime) -> None:
    """The contact leaves this list for good, and stays subscribed in the account."""
    membership, _ = Membership.objects.get_or_create(
        list=found, contact=contact, defaults={"joined_at": now, "unsubscribed_at": now}
    )
    Membership.objects.filter(pk=membership.pk, unsubscribed_at=None).update(unsubscribed_at=now)


def take_off(found: ContactList, contact_ids: Iterable[int] | None = None) -> int:
    """Remove these contacts, or all of them, from a list; how many were on it. Opt-outs are kept."""
    named = "" if contact_ids is None else "and contact_id = any(%(contacts)s::bigint[])"
    with connection.cursor() as cursor:
        cursor.execute(
            f"delete from engage_membership where list_id = %(list)s and unsubscribed_at is null {named}",
            {"list": found.pk, "contacts": list(contact_ids or ())},
        )
        return int(cursor.rowcount)
