"""The one operation of our own: what happened to an address, for those who watch over the mail."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path

from usher.engage.api.manner import Call, operations, reply
from usher.engage.api.problems import invalid
from usher.engage.messages.identity import message_id
from usher.engage.models import Contact, Enrolment, Message
from usher.engage.models.messages import MessageState
from usher.lib import addresses

#: The latest rows of each kind.
MOST = 1000


def trace(call: Call) -> HttpResponse:
    """`?email=`: the contact, its enrolments and its mails, each oldest first."""
    key = addresses.key(call.query.get("email", ""))
    if not key:
        raise invalid("email is required.")
    contact = Contact.objects.filter(account=call.account, email_key=key).first()
    return reply(
        {
            "contact": contact and _contact(contact),
            "enrolments": [_enrolment(row) for row in _latest_enrolments(contact)],
            "messages": [_message(row) for row in _latest_messages(contact)],
        }
    )


def _latest_enrolments(contact: Contact | None) -> list[Enrolment]:
    rows = Enrolment.objects.filter(contact=contact).select_related("program").order_by("-pk")
    return list(rows[:MOST])[::-1] if contact else []


def _latest_messages(contact: Contact | None) -> list[Message]:
    rows = (
        Message.objects.filter(contact=contact)
        .select_related("campaign", "letter", "account")
        .order_by("-pk")
    )
    return list(rows[:MOST])[::-1] if contact else []


def _contact(row: Contact) -> dict[str, Any]:
    return {"id": row.pk, "email": row.email, "status": row.status, "created_at": row.created_at}


def _enrolment(row: Enrolment) -> dict[str, Any]:
    return {
        "program": row.program.name,
        "node": row.node,
        "entered_at": row.entered_at,
        "left_at": row.left_at,
        "outcome": row.outcome,
    }


def _message(row: Message) -> dict[str, Any]:
    waits = row.state == MessageState.QUEUED
    return {
        "id": row.pk,
        "campaign": row.title,
        "subject": row.campaign.subject if row.campaign else row.title,
        "status": row.state,
        "queued_at": row.queued_at,
        "attempts": row.attempts,
        "next_attempt_at": row.due_at if waits else None,
        "sent_at": row.sent_at,
        "relay": row.relay,
        "code": row.code,
        "reply": row.reply,
        "message_id": message_id(row.pk, row.account.mail_domain),
    }


urlpatterns = [path("engage/v1/trace", operations(GET=trace))]
