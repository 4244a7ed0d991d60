"""What others tell of texts: what became of one of ours, and what somebody sent to us."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact, InboundText, TextMessage
from usher.engage.models.contacts import Status
from usher.engage.models.texts import TextState
from usher.engage.texts.numbers import digits

#: How far a text has come: it never goes back. What is being handed over is nobody's to change.
_RANKS = {
    TextState.QUEUED: 0,
    TextState.AMBIGUOUS: 0,
    TextState.SENT: 1,
    TextState.FAILED: 2,
    TextState.EXPIRED: 2,
    TextState.SKIPPED: 2,
    TextState.DELIVERED: 2,
    TextState.READ: 3,
}
#: Answers by which somebody takes back their consent, as gateways understand them.
STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})


def learned(row: TextMessage, state: TextState, reason: str, now: datetime) -> bool:
    """A text, which the caller holds, has come to this state; False when it had come as far already."""
    if _RANKS[state] <= _RANKS[TextState(row.state)]:
        return False
    row.state, row.updated_at = state, now
    row.reply = reason[:500]
    if state != TextState.SENT:
        row.ask_at = None
    if state in (TextState.SENT, TextState.DELIVERED, TextState.READ):
        row.sent_at = row.sent_at or now
    row.save(update_fields=["state", "updated_at", "reply", "ask_at", "sent_at"])
    return True


def receive(account: Account, channel: str, said: Mapping[str, Any], by: str, now: datetime) -> InboundText:
    """Keep a message that came in. Whoever answers STOP gets no marketing texts any more."""
    sender = said.get("from")
    number = _digits(sender.get("phoneNumber") if isinstance(sender, Mapping) else None)
    people = Contact.objects.filter(account=account, mobile_number=number) if number else None
    with transaction.atomic():
        contact = people.select_for_update().first() if people else None
        if contact and _is_stop(said) and contact.sms_status != Status.UNSUBSCRIBED:
            contact.sms_status, contact.updated_at = Status.UNSUBSCRIBED, now
            contact.save(update_fields=["sms_status", "updated_at"])
        return InboundText.objects.create(
            account=account,
            contact=contact,
            channel=channel,
            number=number,
            said=dict(said),
            received_at=now,
            created_by=by,
            updated_at=now,
            updated_by=by,
        )


def _is_stop(said: Mapping[str, Any]) -> bool:
    return str(said.get("body") or "").strip(" .!\"'\n").lower() in STOP


def _digits(number: object) -> str:
    try:
        return digits(str(number or ""))
    except EngageError:
        return ""
