"""Who the contacts are, and what happened to one of them, from every room's rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.utils import OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _

from usher.engage.contacts import search as finding
from usher.engage.contacts import write
from usher.engage.contacts.fields import types_of
from usher.engage.contacts.values import MisfitError, typed
from usher.engage.models import Choice, Contact, Enrolment, Message, Suppression
from usher.engage.models.contacts import FieldType, Status
from usher.engage.models.messages import MessageState
from usher.engage.texts.numbers import digits
from usher.web.figures.happening import Happening
from usher.web.figures.happenings import all_of
from usher.web.patience import NUMBERS, patiently


def among(status: str, kind: str) -> QuerySet[Contact]:
    """Contacts of this status ("": of any), who are customers, seeds or all."""
    found = Contact.objects.filter(status=status) if status else Contact.objects.all()
    return found if kind == "all" else found.filter(is_seed=kind == "seeds")


def search(text: str, among: QuerySet[Contact], *, inside: bool = False) -> list[QuerySet[Contact]]:
    """Those whose address or names have words that begin like `text`; `inside`: hold it anywhere."""
    if not text:
        return [among]
    return [finding.inside(text, among)] if inside else finding.beginning(text, among)


def total(among: QuerySet[Contact]) -> int | None:
    """How many they are; None where counting takes too long."""
    try:
        with patiently(NUMBERS):
            return among.count()
    except OperationalError:
        return None


def days(person: Contact) -> list[tuple[date, list[Happening]]]:
    """The newest happenings of one contact, by day, newest first."""
    return _by_day(all_of(person))


def _by_day(happenings: Iterable[Happening]) -> list[tuple[date, list[Happening]]]:
    def local_day(happening: Happening) -> date:
        return timezone.localtime(happening.at).date()

    return [(day, list(found)) for day, found in groupby(happenings, key=local_day)]


def enrolments(person: Contact) -> QuerySet[Enrolment]:
    return person.enrolments.select_related("program", "version").order_by("-entered_at", "-id")


def topics(person: Contact) -> QuerySet[Choice]:
    """What the contact said of preferences."""
    return (
        Choice.objects.filter(contact=person)
        .select_related("preference")
        .order_by("preference__private_name")
    )


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


def may_edit(person: Contact) -> bool:
    """Whoever opted out or is suppressed is left as they are, and so is who has no address."""
    return person.status in (Status.SUBSCRIBED, Status.PENDING_OPT_IN) and bool(person.email_key)


def fields_of(person: Contact) -> list[tuple[str, str, str]]:
    """(name, type, value as it is written in a form) of every data field of the account."""
    kinds = types_of(person.account)
    return [(name, kinds[name], written(person.data.get(name))) for name in sorted(kinds)]


def misfits(person: Contact, data: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with values as they are written in a form, by the name of their field."""
    kinds, wrong = types_of(person.account), {}
    for name, value in data.items():
        try:
            typed(kinds.get(name, FieldType.STRING), value)
        except MisfitError as problem:
            wrong[name] = _("This %(why)s.") % {"why": problem}
    return wrong


def written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def change(person: Contact, email: str, mobile: str | None, data: Mapping[str, str], now: datetime) -> None:
    """Write the values that differ from what is there; a number of None stays. EngageError says why not."""
    old = {name: value for name, _, value in fields_of(person)}
    changed = {name: value for name, value in data.items() if name in old and value != old[name]}
    number = digits(mobile) if mobile else mobile
    write.change(person, write.Draft(email, changed, mobile_number=number), now)
