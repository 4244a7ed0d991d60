"""Messages: sent, looked at, taken back, and their words removed."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse

from usher.engage.api.cpaas.drafts import draft, wrong
from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.original import as_sent
from usher.engage.api.problems import ApiError
from usher.engage.api.reading import guid
from usher.engage.models import TextMessage
from usher.engage.models.texts import TextState
from usher.engage.texts import outbox
from usher.engage.texts.tasks import hand_on

#: Messages of one batch.
MOST = 1000
_STATUS = {
    TextState.QUEUED: "processing",
    TextState.CLAIMED: "processing",
    TextState.AMBIGUOUS: "processing",
    TextState.SENT: "sent",
    TextState.DELIVERED: "delivered",
    TextState.READ: "read",
    TextState.FAILED: "failed",
    TextState.EXPIRED: "expired",
    TextState.SKIPPED: "filtered",
}


def send(call: Call) -> HttpResponse:
    rows = outbox.queue(call.account, [draft(call, as_sent(call))], call.now)
    transaction.on_commit(hand_on)
    return reply(_shape(rows[0]), 201)


def send_batch(call: Call) -> HttpResponse:
    """All of them, or none when one cannot be sent."""
    sent = as_sent(call)
    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST:
        raise wrong("messages", f"A batch is a list of 1 to {MOST} messages.")
    drafts = [draft(call, one, f"[{index}].") for index, one in enumerate(sent)]
    rows = outbox.queue(call.account, drafts, call.now)
    transaction.on_commit(hand_on)
    return reply([{"index": index, "messageId": str(row.pk)} for index, row in enumerate(rows)], 202)


def get(call: Call, message: str) -> HttpResponse:
    return reply(_shape(_known(call, message)))


def delete(call: Call, message: str) -> HttpResponse:
    """What was not sent never will be; nobody waits for what is just being handed over."""
    with transaction.atomic():
        found = at_rest(call, message)
        found.delete()
    return empty(204)


def redact(call: Call, message: str) -> HttpResponse:
    """Remove the words and metadata of a message that has ended."""
    if not isinstance(call.fields.get("redact"), bool):
        raise wrong("redact", "redact is true or false.")
    with transaction.atomic():
        found = at_rest(call, message)
        if call.fields["redact"]:
            if found.state == TextState.QUEUED:
                raise ApiError(409, "conflict", "The message is still to be sent.")
            found.body, found.metadata, found.updated_at = "", None, call.now
            found.options.pop("title", None)
            found.save(update_fields=["body", "metadata", "options", "updated_at"])
    return empty(202)


def _known(call: Call, message: str, rows: QuerySet[TextMessage] | None = None) -> TextMessage:
    unknown = ApiError(404, "notFound", "There is no such message.")
    among = TextMessage.objects.all() if rows is None else rows
    found = among.filter(account=call.account, pk=guid(message, unknown)).first()
    if found is None:
        raise unknown
    return found


def at_rest(call: Call, message: str) -> TextMessage:
    """The message, kept from being sent meanwhile."""
    found = _known(call, message, TextMessage.objects.select_for_update())
    if found.state == TextState.CLAIMED:
        raise ApiError(409, "conflict", "The message is just being sent; try again.")
    return found


def _shape(row: TextMessage) -> dict[str, Any]:
    is_again = row.state == TextState.QUEUED and row.attempts > 0
    told = {"reason": row.reply, "code": row.code}
    shape: dict[str, Any] = {
        "messageId": str(row.pk),
        "sentOn": row.sent_at or row.queued_at,
        "status": "retrying" if is_again else _STATUS[TextState(row.state)],
        "statusDetails": {name: value for name, value in told.items() if value},
        "to": {"phoneNumber": row.number},
        "body": row.body,
        "metadata": row.metadata or {},
        "rules": ["sms"],
        "_createdOn": row.queued_at,
        "_updatedOn": row.updated_at,
    }
    if row.expires_at:
        shape["expiresOn"] = row.expires_at
    return {**shape, **row.options}
