"""Puts texts in the outbox; whoever opted out gets no marketing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact, TextMessage
from usher.engage.models.contacts import Status
from usher.engage.models.texts import TextRoute

#: Characters.
LONGEST_MARKETING, LONGEST = 1600, 2000

#: Suppressions of somebody's address that speak of the person: no marketing text either. The others (having
#: left the mails, a dead address) say nothing about texts, which have a status of their own.
OF_THE_PERSON = (
    Status.SUPPRESSED,
    Status.SHARED_SUPPRESSION,
    Status.NOT_ALLOWED,
    Status.ISP_COMPLAINED,
    Status.DIRECT_COMPLAINT,
)
#: Why the number gets no marketing; null: it may. Bind `of_the_person`.
BARRED = """
(select coalesce(nullif(nullif(contact.sms_status, ''), 'Subscribed'), suppression.reason)
   from engage_contact contact
   left join engage_suppression suppression
     on suppression.account_id = contact.account_id and suppression.email_key = contact.email_key
    and suppression.lifted_at is null and suppression.reason = any(%(of_the_person)s)
  where contact.account_id = {account} and contact.mobile_number = {number})
"""
BOUND: dict[str, Any] = {"of_the_person": [str(reason.value) for reason in OF_THE_PERSON]}


@dataclass(frozen=True, slots=True)
class Draft:
    """A text to be sent; its number has been checked."""

    number: str
    body: str
    route: TextRoute = TextRoute.TRANSACTIONAL
    sender: str = ""
    metadata: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None


def queue(account: Account, drafts: Sequence[Draft], now: datetime) -> list[TextMessage]:
    """The rows of these texts, in the same order, to be sent from now on."""
    numbers = {draft.number for draft in drafts}
    known = Contact.objects.filter(account=account, mobile_number__in=numbers)
    contacts = dict(known.values_list("mobile_number", "pk"))
    rows = [
        TextMessage(
            account=account,
            route=draft.route,
            contact_id=contacts.get(draft.number),
            number=draft.number,
            sender=draft.sender,
            body=draft.body,
            metadata=draft.metadata,
            options=draft.options,
            expires_at=draft.expires_at,
            queued_at=now,
            due_at=now,
            updated_at=now,
        )
        for draft in drafts
    ]
    return TextMessage.objects.bulk_create(rows)


def send_marketing(account: Account, number: str, body: str, now: datetime) -> TextMessage:
    """Queue a marketing text. EngageError for a number whose owner does not want any."""
    if reason := why_barred(account, number):
        raise EngageError(
            "ERROR_SMS_SENDNOTPERMITTED", f"The contact may not be sent marketing texts: {reason}."
        )
    return queue(account, [Draft(number, body, TextRoute.MARKETING)], now)[0]


def why_barred(account: Account, number: str) -> str:
    """Why this number gets no marketing texts; empty when it may."""
    with connection.cursor() as cursor:
        bound = BOUND | {"account": account.pk, "number": number}
        cursor.execute("select " + BARRED.format(account="%(account)s", number="%(number)s"), bound)
        row = cursor.fetchone()
    return str(row[0]) if row and row[0] else ""
