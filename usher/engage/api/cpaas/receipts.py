"""What others tell of messages: how far one of ours has come, and messages that came in."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponse

from usher.engage.api.cpaas.drafts import wrong
from usher.engage.api.cpaas.messages import at_rest
from usher.engage.api.manner import Call, reply
from usher.engage.api.original import as_sent
from usher.engage.api.problems import ApiError
from usher.engage.api.reading import guid, since
from usher.engage.happenings import tasks
from usher.engage.models import InboundText, TextMessage
from usher.engage.models.texts import TextState
from usher.engage.texts import receipts

_STATES = {
    "sent": TextState.SENT,
    "delivered": TextState.DELIVERED,
    "read": TextState.READ,
    "expired": TextState.EXPIRED,
    "failed": TextState.FAILED,
    "filtered": TextState.SKIPPED,
}
_INBOUND = ("received", "delivered", "read")
#: Kept of what came in, and given back as it was sent.
_KEPT = {
    "from": dict,
    "to": dict,
    "title": str,
    "body": str,
    "conversationId": str,
    "metadata": dict,
    "channelData": dict,
    "messageParts": list,
}
_LONGEST = 20_000
_LONGEST_CHANNEL = 20


def status(call: Call, message: str, status: str) -> HttpResponse:
    """One of ours has come so far; it never goes back."""
    state = _STATES.get(status.lower())
    if state is None:
        raise wrong("status", f"status is one of {', '.join(_STATES)}.")
    told = _told(call)
    told["channel"] = _channel(told)
    reason = told.get("failureReason") or ""
    if not isinstance(reason, str):
        raise wrong("failureReason", "failureReason is a text.")
    with transaction.atomic():
        receipts.learned(at_rest(call, message), state, reason, call.now)
    transaction.on_commit(tasks.hand_on)
    return reply(
        {
            name: told[name]
            for name in ("channel", "channelStatus", "timestamp", "failureReason")
            if name in told
        }
    )


def receive(call: Call) -> HttpResponse:
    """A message that came in."""
    sent = as_sent(call)
    if not isinstance(sent, dict):
        raise wrong("inbound", "An inbound message is an object.")
    channel = _channel(sent)
    if not isinstance(sent.get("from"), dict) or not sent["from"]:
        raise wrong("from", "from is an object that says who sent the message.")
    said = {name: sent[name] for name in _KEPT if sent.get(name) is not None}
    for name, value in said.items():
        if not isinstance(value, _KEPT[name]):
            raise wrong(name, f"{name} is not of its type.")
    said |= _correlation(call, sent.get("correlation"))
    if len(str(said)) > _LONGEST:
        raise wrong("inbound", f"An inbound message has at most {_LONGEST} characters.")
    row = receipts.receive(call.account, channel, said, _by(call), call.now)
    transaction.on_commit(tasks.hand_on)
    return reply(_shape(row), 201)


def inbound_status(call: Call, message: str, status: str) -> HttpResponse:
    """The receiving side has it, or has read it; it never goes back."""
    if status.lower() not in _INBOUND[1:]:
        raise wrong("status", f"status is one of {', '.join(_INBOUND[1:])}.")
    if "timestamp" not in _told(call):
        raise wrong("timestamp", "timestamp is required.")
    unknown = ApiError(404, "notFound", "There is no such inbound message.")
    with transaction.atomic():
        rows = InboundText.objects.select_for_update()
        row = rows.filter(account=call.account, pk=guid(message, unknown)).first()
        if row is None:
            raise unknown
        if _INBOUND.index(status.lower()) > _INBOUND.index(row.status):
            row.status, row.updated_at, row.updated_by = status.lower(), call.now, _by(call)
            row.save(update_fields=["status", "updated_at", "updated_by"])
    return reply(_shape(row))


def _told(call: Call) -> dict[str, Any]:
    sent = as_sent(call)
    if not isinstance(sent, dict):
        raise wrong("details", "The details of a status are an object.")
    if sent.get("timestamp") is None:
        return {name: value for name, value in sent.items() if name != "timestamp" and value is not None}
    try:
        return sent | {"timestamp": since(str(sent["timestamp"]))}
    except ApiError:
        raise wrong("timestamp", "timestamp is not a time.") from None


def _channel(sent: dict[str, Any]) -> str:
    channel = sent.get("channel")
    if not isinstance(channel, str) or not 1 <= len(channel) <= _LONGEST_CHANNEL:
        raise wrong("channel", f"channel is a name of at most {_LONGEST_CHANNEL} characters.")
    return channel


def _correlation(call: Call, sent: Any) -> dict[str, Any]:
    """Which message of ours is answered, with what its caller gave along."""
    if sent is None:
        return {}
    if not isinstance(sent, dict) or not isinstance(sent.get("messageId"), str):
        raise wrong("correlation", "correlation names a messageId.")
    unknown = wrong("correlation.messageId", "There is no such message.")
    rows = TextMessage.objects.filter(account=call.account, pk=guid(sent["messageId"], unknown))
    row = rows.first()
    if row is None:
        raise unknown
    return {"correlation": {"messageId": str(row.pk), "metadata": row.metadata or {}}}


def _by(call: Call) -> str:
    return call.by.removeprefix("api ")


def _shape(row: InboundText) -> dict[str, Any]:
    return {
        **row.said,
        "messageId": str(row.pk),
        "receivedOn": row.received_at,
        "status": row.status,
        "channel": row.channel,
        "_createdOn": row.received_at,
        "_createdBy": row.created_by,
        "_updatedOn": row.updated_at,
        "_updatedBy": row.updated_by,
    }
