"""Single joins: the way onto a list that starts what the list starts."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from usher.engage.lists import members
from usher.engage.models import Contact, ContactList
from usher.engage.models.contacts import Status
from usher.engage.programs import enrol


def join(found: ContactList, contact: Contact, now: datetime) -> None:
    """Put a contact on the list; somebody who was not on it, and may be mailed, starts its join actions."""
    if members.join(found, contact, now):
        _start(found, contact, now)


def rejoin(found: ContactList, contact: Contact, now: datetime) -> None:
    """The same for somebody who comes back to a list."""
    if members.rejoin(found, contact, now):
        _start(found, contact, now)


def confirmed(contact: Contact, now: datetime) -> None:
    """What the lists start that somebody joined who had yet to confirm, and now has."""
    lists = ContactList.objects.filter(
        Q(join_program__isnull=False) | Q(join_campaign__isnull=False),
        memberships__contact=contact,
        memberships__unsubscribed_at=None,
    )
    for found in lists.order_by("pk"):
        _start(found, contact, now)


def _start(found: ContactList, contact: Contact, now: datetime) -> None:
    if contact.status == Status.SUBSCRIBED and (found.join_program_id or found.join_campaign_id):
        enrol.join(found, contact, now)
