"""Letters (mails with content of their own) and texts: what went, to whom, what became of it, and why."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Lower

from usher.engage.errors import EngageError
from usher.engage.messages.statistics import Figures, Period
from usher.engage.messages.statistics import figures as counted
from usher.engage.models import Account, Letter, Message, TextMessage
from usher.engage.models.messages import MessageState
from usher.engage.models.texts import TextState
from usher.engage.texts.numbers import digits


def letters(account: Account, text: str, state: str, kind: str) -> QuerySet[Message]:
    """The account's letters, one for each address: those to exactly this one, in this state, of this kind."""
    found = Message.objects.filter(account=account, letter__isnull=False)
    if text:
        found = found.annotate(whom=Lower("address")).filter(whom=text.strip().lower())
    found = found.filter(state=state) if state in MessageState.values else found
    found = found.filter(letter__kind=kind) if kind in Letter.Kind.values else found
    return found.select_related("letter", "campaign").defer("letter__html", "letter__text")


def of_today(account: Account, midnight: datetime, now: datetime) -> Figures:
    """Transactional mails that were asked for since midnight."""
    return counted(account, midnight, now, Period.ALL_TIME)[0]


def texts(account: Account, text: str, state: str) -> QuerySet[TextMessage]:
    """The account's texts: those to this number, in this state."""
    found = TextMessage.objects.filter(account=account).select_related("contact")
    try:
        found = found.filter(number=digits(text)) if text else found
    except EngageError:  # what is no number was never sent to
        return found.none()
    return found.filter(state=state) if state in TextState.values else found
