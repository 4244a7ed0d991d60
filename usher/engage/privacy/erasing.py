"""Forgetting one person: rows that figures are counted from stay, without anything of the person in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import TextField, Value
from django.db.models.functions import Cast, Concat

from usher.engage import audit
from usher.engage.contacts import erased
from usher.engage.models import (
    Account,
    Attachment,
    Choice,
    Confirmation,
    Consent,
    Contact,
    ContactEvent,
    ContactIdentifier,
    ContactWords,
    Happening,
    InboundText,
    Letter,
    Link,
    Membership,
    Message,
    Suppression,
    TextMessage,
)
from usher.engage.models.contacts import Status
from usher.engage.models.events import Feed
from usher.engage.models.messages import MessageState
from usher.engage.models.texts import TextState
from usher.engage.privacy.mentions import blot_out
from usher.engage.privacy.people import Person

#: Stands where the address stood.
WORD = "erased"
_UNSENT = (MessageState.QUEUED, MessageState.CLAIMED)


def erase(contact: Contact, by: str, now: datetime) -> None:
    """Forget a contact for good, everywhere in the engine; doing it twice is harmless.

    The address is never mailed again, although it is not kept. `by` is who did it, for the record.
    """
    _erase(Person.of(contact), by, now)


def erase_address(account: Account, email: str, by: str, now: datetime) -> bool:
    """The same by address, also of somebody who is no contact; False when nothing is known of it."""
    person = Person.behind(account, email)
    if not person.is_known:
        return False
    _erase(person, by, now)
    return True


@transaction.atomic
def _erase(one: Person, by: str, now: datetime) -> None:
    if one.contact:
        Contact.objects.select_for_update().get(pk=one.contact.pk)
    _keep_out(one, now)
    _forget_mails(one)
    _forget_texts(one)
    if one.contact:
        _empty(one.contact, now)
    if one.pattern:
        blot_out(one, WORD)
    audit.note(one.account, by, "contact", one.contact.pk if one.contact else WORD, "erase", now)


def _keep_out(one: Person, now: datetime) -> None:
    """Of the suppression a digest stays; somebody who was not suppressed is from now on."""
    rows = Suppression.objects.filter(account=one.account, email_key=one.email_key)
    held = rows.filter(lifted_at=None).first()
    if one.email_key:
        reason = Status(held.reason) if held else Status.SUPPRESSED
        erased.remember(one.account, one.email_key, reason, held.at if held else now)
    rows.delete()


def _empty(contact: Contact, now: datetime) -> None:
    """The row stays, because figures count it; it is nobody's."""
    for model in (Consent, Choice, Confirmation, ContactEvent, ContactIdentifier, ContactWords, Membership):
        model.objects.filter(contact=contact).delete()
    Contact.objects.filter(pk=contact.pk).update(
        email="",
        email_key=None,
        mobile_number="",
        external_id="",
        data={},
        sms_status="",
        status=Status.DELETED,
        status_at=now,
        updated_at=now,
    )


_TRACES = """
with mails as (select unnest(%(mails)s::bigint[]) as id), opens as (
    update engage_open set ip = null, user_agent = '' where message_id in (select id from mails)
), clicks as (
    update engage_click set ip = null, user_agent = '' where message_id in (select id from mails)
)
update engage_pageview set url = split_part(split_part(url, '#', 1), '?', 1)
 where message_id in (select id from mails)
"""
_ADDRESSES = """
update engage_message set address = %(word)s || '-' || id, reply = '', reason = left(reason, 200)
 where id = any(%(mails)s) and address <> ''
"""


def _forget_mails(one: Person) -> None:
    """Mails that wait are not sent; those that went keep their figures."""
    mails = list(Message.objects.filter(one.messages).values_list("pk", flat=True))
    rows = Message.objects.filter(pk__in=mails)
    rows.filter(state=MessageState.QUEUED).update(state=MessageState.SKIPPED, reason=WORD)
    letters = list(rows.filter(letter__isnull=False).values_list("letter", flat=True))
    values: dict[str, Any] = {"mails": mails, "word": WORD}
    with connection.cursor() as cursor:
        cursor.execute(_TRACES, values)
        cursor.execute(_ADDRESSES, values)
    rows.update(reply="")
    # a letter that others still wait for keeps its words; from its text the address is taken below
    waited = Message.objects.filter(letter__in=letters, state__in=_UNSENT).values("letter")
    gone = Letter.objects.filter(pk__in=letters).exclude(pk__in=waited)
    Attachment.objects.filter(letter__in=gone).delete()
    # other readers of the same letter go on finding what it led to
    others = Message.objects.filter(letter__in=letters).exclude(address__startswith=f"{WORD}-")
    shared = others.exclude(pk__in=mails).values("letter")
    links = Link.objects.filter(letter__in=gone).exclude(letter__in=shared)
    links.update(url=Concat(Value(f"{WORD}-"), Cast("pk", TextField())))
    gone.update(subject=WORD, html="", text="", values={}, metadata="")


def _forget_texts(one: Person) -> None:
    rows = TextMessage.objects.filter(one.texts)
    rows.filter(state=TextState.QUEUED).update(state=TextState.SKIPPED)
    received = InboundText.objects.filter(one.texts)
    # a number may stand in happenings as nobody looks for it
    told = Happening.objects.filter(account=one.account, feed=Feed.WEBHOOKS)
    told.filter(data__id__in=[str(row.pk) for row in (*rows, *received)]).update(data={})
    rows.update(number="", body="", metadata=None, options={}, reply="")
    received.update(number="", said={})
