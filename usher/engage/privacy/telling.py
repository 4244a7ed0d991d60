"""Everything that the engine knows of one person, for that person to have."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from usher.engage.models import (
    Account,
    Audit,
    Choice,
    Click,
    Confirmation,
    Consent,
    Contact,
    ContactEvent,
    ContactIdentifier,
    Enrolment,
    Happening,
    ImportFault,
    InboundText,
    Letter,
    Membership,
    Message,
    Move,
    Open,
    PageView,
    Suppression,
    TextMessage,
)
from usher.engage.privacy.people import Person

_CONTACT = (
    "id",
    "email",
    "mobile_number",
    "external_id",
    "status",
    "status_at",
    "sms_status",
    "opt_in_type",
    "email_type",
    "data",
    "is_seed",
    "created_at",
    "updated_at",
)


def export(contact: Contact) -> dict[str, Any]:
    """All that is known of a contact, ready to be written as JSON (moments as ISO 8601)."""
    return _plain(_told(Person.of(contact)))


def export_address(account: Account, email: str) -> dict[str, Any] | None:
    """The same by address, also of somebody who is no contact; None when nothing is known."""
    person = Person.behind(account, email)
    return _plain(_told(person)) if person.is_known else None


def _told(one: Person) -> dict[str, Any]:
    return {
        "account": one.account.name,
        "contact": {name: getattr(one.contact, name) for name in _CONTACT} if one.contact else None,
        **(_by_contact(one.contact) if one.contact else {}),
        "mails": _mails(one),
        "letters": _letters(one),
        "texts": list(
            TextMessage.objects.filter(one.texts)
            .order_by("queued_at")
            .values("number", "sender", "body", "state", "queued_at", "sent_at", "metadata", "reply")
        ),
        "texts_received": list(
            InboundText.objects.filter(one.texts)
            .order_by("received_at")
            .values("said", "received_at", "status")
        ),
        "suppressions": list(
            Suppression.objects.filter(account=one.account, email_key=one.email_key)
            .order_by("at")
            .values("reason", "at", "source", "lifted_at")
        ),
        **_mentions(one),
    }


def _by_contact(contact: Contact) -> dict[str, Any]:
    moves = Move.objects.filter(enrolment__contact=contact).order_by("pk")
    return {
        "lists": _rows(
            Membership.objects.filter(contact=contact), "joined_at", "unsubscribed_at", name=F("list__name")
        ),
        "consents": _rows(
            Consent.objects.filter(contact=contact),
            *("text", "given_at", "url", "ip", "user_agent", "source", "recorded_at"),
        ),
        "preferences": _rows(
            Choice.objects.filter(contact=contact), "opted_in", "at", name=F("preference__private_name")
        ),
        "identifiers": _rows(
            ContactIdentifier.objects.filter(contact=contact), "value", name=F("identifier__name")
        ),
        "told_events": _rows(
            ContactEvent.objects.filter(contact=contact), *("type", "at", "summary", "data", "recorded_at")
        ),
        "confirmations": _rows(
            Confirmation.objects.filter(contact=contact),
            *("kind", "asked_at", "confirmed_at", "ip", "user_agent", "return_url"),
            list_name=F("list__name"),
        ),
        "programs": _rows(
            Enrolment.objects.filter(contact=contact),
            *("node", "entered_at", "left_at", "outcome", "cause"),
            program_name=F("program__name"),
        ),
        "steps": _rows(
            moves, "at", "from_node", "to_node", "why", program_name=F("enrolment__program__name")
        ),
    }


def _mails(one: Person) -> list[dict[str, Any]]:
    """Every mail with its opens, the links that were followed, and the pages that were seen after it."""
    mails = Message.objects.filter(one.messages)
    rows = _rows(
        mails,
        *("id", "letter", "address", "state", "queued_at", "sent_at", "code", "reply", "reason"),
        campaign_name=F("campaign__name"),
        subject=F("campaign__subject"),
    )
    seen = {
        "opens": _rows(Open.objects.filter(message__in=mails), "message", "at", "ip", "user_agent"),
        "clicks": _rows(
            Click.objects.filter(message__in=mails), "message", "at", "ip", "user_agent", url=F("link__url")
        ),
        "page_views": _rows(PageView.objects.filter(message__in=mails), "message", "at", "url"),
    }
    by_mail: dict[int, dict[str, Any]] = {row["id"]: row for row in rows}
    for name, found in seen.items():
        for row in rows:
            row[name] = []
        for event in found:
            by_mail[event.pop("message")][name].append(event)
    return rows


def _letters(one: Person) -> list[dict[str, Any]]:
    mails = Message.objects.filter(one.messages, letter__isnull=False)
    rows = Letter.objects.filter(pk__in=mails.values("letter")).order_by("created_at")
    names = ("id", "kind", "subject", "html", "text", "values", "created_at")
    return [{name: getattr(row, name) for name in names} for row in rows]


def _mentions(one: Person) -> dict[str, Any]:
    """Notes of changes to the person's rows, rows of imports that were refused, and events."""
    if not one.pattern:
        return {}
    faults = _with_text(ImportFault.objects.filter(imported__account=one.account), "values")
    events = _with_text(Happening.objects.filter(account=one.account), "data")
    return {
        "changes": _rows(_notes(one), "at", "by", "kind", "act", "before", "after"),
        "refused_import_rows": _rows(
            faults.filter(said__iregex=one.pattern),
            *("row", "reason", "values"),
            file_name=F("imported__file_name"),
        ),
        "events": _rows(events.filter(said__iregex=one.pattern), "type", "at", "data"),
    }


def _notes(one: Person) -> QuerySet[Audit]:
    notes = _with_text(Audit.objects.filter(account=one.account), "before", "after")
    wanted = Q(said__iregex=one.pattern) | Q(key__iregex=one.pattern)
    if one.contact:
        wanted |= Q(kind__in=("contact", "consent"), key=str(one.contact.pk))
        wanted |= Q(kind__in=("choice", "member", "contact identifier"), key__endswith=f"/{one.contact.pk}")
    # a note of several rows tells of other people, too
    return notes.filter(wanted).exclude(before__has_key="first").exclude(after__has_key="first")


def _with_text(rows: QuerySet[Any], *columns: str) -> QuerySet[Any]:
    """With JSON columns as one text, `said`, to look for the person in."""
    texts = [Cast(column, TextField()) for column in columns]  # a null counts as nothing
    found: QuerySet[Any] = rows.annotate(said=Concat(*texts, Value(""), output_field=TextField()))
    return found


def _rows(found: Any, *names: str, **named: F) -> list[dict[str, Any]]:
    rows: Iterable[dict[str, Any]] = found.order_by("pk").values(*names, **named)
    return list(rows)


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it: ISO moments and texts."""
    plain: dict[str, Any] = json.loads(json.dumps(told, cls=DjangoJSONEncoder))
    return plain
