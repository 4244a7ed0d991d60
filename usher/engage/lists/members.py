"""Who is on a list: joining, leaving, opting out of it and coming back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Count, QuerySet

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


def counts(lists: Iterable[ContactList]) -> dict[int, int]:
    """List id -> how many contacts it shows, of each that shows any."""
    rows = Membership.objects.filter(list__in=lists, unsubscribed_at=None, contact__status__in=SHOWN)
    return dict(rows.values("list").annotate(count=Count("pk")).values_list("list", "count"))


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
