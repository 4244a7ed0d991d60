"""Who the contacts are, and what happened to one of them, from every room's rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from itertools import groupby

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from usher.engage.models import Contact, Enrolment, Message, Suppression
from usher.engage.models.messages import MessageState
from usher.web.figures.happenings import Happening, all_of


def search(text: str, status: str, kind: str) -> QuerySet[Contact]:
    """Contacts whose address holds `text`, in its order. `kind`: customers, seeds or all."""
    found = Contact.objects.order_by("email_key", "id")
    if text:
        found = found.filter(email_key__contains=text.lower())
    if status:
        found = found.filter(status=status)
    return found if kind == "all" else found.filter(is_seed=kind == "seeds")


def days(person: Contact) -> list[tuple[date, list[Happening]]]:
    """The newest happenings of one contact, by day, newest first."""
    return _by_day(all_of(person))


def _by_day(happenings: Iterable[Happening]) -> list[tuple[date, list[Happening]]]:
    def local_day(happening: Happening) -> date:
        return timezone.localtime(happening.at).date()

    return [(day, list(found)) for day, found in groupby(happenings, key=local_day)]


def enrolments(person: Contact) -> QuerySet[Enrolment]:
    return person.enrolments.select_related("program", "version").order_by("-entered_at", "-id")


def suppressions(person: Contact) -> QuerySet[Suppression]:
    """Why this address must not be mailed, as far as that is still in force."""
    return Suppression.objects.filter(account=person.account_id, email_key=person.email_key, lifted_at=None)


def counts(person: Contact, now: datetime) -> dict[str, int]:
    """Mails sent, and of those opened and clicked."""
    return Message.objects.filter(contact=person).aggregate(
        sent=Count("id", filter=Q(state=MessageState.SENT), distinct=True),
        opened=Count("id", filter=Q(opens__isnull=False), distinct=True),
        clicked=Count("id", filter=Q(clicks__isnull=False), distinct=True),
    )
