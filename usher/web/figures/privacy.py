"""What erasing a contact takes away, and what stays of them, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from usher.engage import privacy
from usher.engage.models import Contact, Message, TextMessage
from usher.engage.models.messages import MessageState


@dataclass(frozen=True)
class Going:
    """What is gone after the erasing, and what stays: (what, how many)."""

    goes: list[tuple[str, int]]
    stays: list[tuple[str, int]]


def going(person: Contact) -> Going:
    mails = Message.objects.filter(contact=person)
    waiting = mails.filter(state__in=(MessageState.QUEUED, MessageState.CLAIMED)).count()
    texts = TextMessage.objects.filter(contact=person).count()
    return Going(
        [
            (_("values of data fields"), len(person.data)),
            (_("lists it is on"), person.memberships.count()),
            (_("chosen topics"), person.choices.count()),
            (_("proofs of consent"), person.consents.count()),
            (_("mails that wait: they are not sent"), waiting),
            (_("texts: number and words"), texts),
        ],
        [
            (_("mails sent, as a number in reports"), mails.filter(state=MessageState.SENT).count()),
            (_("times in a program, as a number"), person.enrolments.count()),
        ],
    )


def is_there(person: Contact) -> bool:
    """Is anything of the person left?"""
    return bool(person.email or person.mobile_number or person.external_id or person.data)


def name_of(person: Contact) -> str:
    """What has to be typed: the address, else the number, else the id."""
    return str(person) or str(person.pk)


def erase(person: Contact, by: str, now: datetime) -> None:
    """Forget the contact for good."""
    privacy.erase(person, by, now)


def told(person: Contact) -> dict[str, Any]:
    """All that is known of the contact."""
    return privacy.export(person)
