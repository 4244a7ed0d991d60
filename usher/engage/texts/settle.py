"""Writes down what became of texts, and who does not want any more of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from usher.engage.channels.texting import Answer
from usher.engage.deliver.verdict import delay
from usher.engage.models import Contact, TextMessage
from usher.engage.models.contacts import Status
from usher.engage.models.texts import TextState

#: A text that could not be handed over for so long is given up: most are of no use the day after.
PATIENCE = timedelta(days=1)
#: The gateway is asked after a minute, and then each time when as long again has passed, for so long.
FIRST_ASKED, ASKED_FOR = timedelta(minutes=1), timedelta(days=3)
#: One whose answer was lost is looked for at the gateway for so long.
LOOKED_FOR = timedelta(hours=1)

_STATES = {
    "sent": TextState.SENT,
    "delivered": TextState.DELIVERED,
    "refused": TextState.FAILED,
    "unknown": TextState.AMBIGUOUS,
}
_FIELDS = ["state", "due_at", "ask_at", "sent_at", "updated_at", "gateway_id", "code", "reply"]


def settle(
    rows: Sequence[TextMessage], answers: Sequence[Answer], now: datetime, chance: Callable[[], float]
) -> Counter[str]:
    """The gateway's answers to texts that were handed over; how many reached which state."""
    for row, answer in zip(rows, answers, strict=True):
        if answer.state != "unknown":
            row.updated_at = now  # else it tells since when the gateway may have it
        row.gateway_id, row.code, row.reply = answer.gateway_id, answer.code, _clean(answer.text)
        if answer.state == "deferred":
            _put_off(row, now, chance())
        else:
            row.state = _STATES[answer.state]
        if answer.state in ("sent", "delivered"):
            row.sent_at = now
        row.ask_at = now + FIRST_ASKED if answer.state in ("sent", "unknown") else None
    _write(rows, _who_left(zip(rows, answers, strict=True)), now)
    return Counter(str(row.state) for row in rows)


def learned(rows: Sequence[TextMessage], answers: Sequence[Answer | None], now: datetime) -> Counter[str]:
    """What the gateway told later about texts that it has, or may have; how many reached which state."""
    ended: Counter[str] = Counter()
    for row, answer in zip(rows, answers, strict=True):
        if answer:
            row.state, row.gateway_id = _STATES[answer.state], answer.gateway_id
            row.updated_at, row.code, row.reply = now, answer.code, _clean(answer.text)
            row.sent_at = row.sent_at or now
            ended[str(row.state)] += 1
        row.ask_at = _next_question(row, now) if answer is None or answer.state == "sent" else None
    told = [(row, answer) for row, answer in zip(rows, answers, strict=True) if answer]
    _write(rows, _who_left(told), now)
    return ended


def _put_off(row: TextMessage, now: datetime, luck: float) -> None:
    if now - row.queued_at >= PATIENCE:
        row.state, row.reply = TextState.FAILED, f"given up: {row.reply}"[:500]
    else:
        row.state, row.due_at = TextState.QUEUED, now + delay(row.attempts, luck)


def _next_question(row: TextMessage, now: datetime) -> datetime | None:
    waited = now - (row.sent_at or row.updated_at)
    patience = LOOKED_FOR if row.state == TextState.AMBIGUOUS else ASKED_FOR
    return now + max(FIRST_ASKED, waited) if waited < patience else None


def _who_left(told: Iterable[tuple[TextMessage, Answer]]) -> list[TextMessage]:
    return [row for row, answer in told if answer.opted_out]


def _write(rows: Sequence[TextMessage], left: Sequence[TextMessage], now: datetime) -> None:
    with transaction.atomic():
        TextMessage.objects.bulk_update(rows, _FIELDS, batch_size=200)
        contacts = Contact.objects.filter(pk__in=[row.contact_id for row in left if row.contact_id])
        contacts.update(sms_status=Status.UNSUBSCRIBED, updated_at=now)


def _clean(text: str) -> str:
    return text.replace("\0", "")[:500]
