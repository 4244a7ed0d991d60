"""Contacts together with the evidence of their consent, and with their preferences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import invalid
from usher.engage.api.reading import since
from usher.engage.api.v2 import preferences, sent, shapes
from usher.engage.contacts import consent, write
from usher.engage.contacts.consent import Evidence
from usher.engage.models import Consent, Contact

SOURCE = "api"
#: The published keys, and those of import files, by what they tell.
_KEYS = {
    "text": "text",
    "consenttext": "text",
    "datetimeconsented": "given_at",
    "consentdatetime": "given_at",
    "url": "url",
    "consenturl": "url",
    "ipaddress": "ip",
    "consentip": "ip",
    "useragent": "user_agent",
    "consentuseragent": "user_agent",
}


def get(call: Call, who: int | str) -> HttpResponse:
    return reply(_with_consent(sent.known(call, who)))


@transaction.atomic
def add(call: Call) -> HttpResponse:
    return reply(_with_consent(_written(call, None)), 201)


@transaction.atomic
def change(call: Call, who: int | str) -> HttpResponse:
    return reply(_with_consent(_written(call, sent.known(call, who))))


@transaction.atomic
def add_with_preferences(call: Call) -> HttpResponse:
    return reply(_with_preferences(call, _written(call, None)), 201)


@transaction.atomic
def change_with_preferences(call: Call, who: int | str) -> HttpResponse:
    return reply(_with_preferences(call, _written(call, sent.known(call, who))))


def _written(call: Call, known: Contact | None) -> Contact:
    """The contact of the body, made or changed, with its consent kept."""
    told = evidence(call.fields.get("consentfields"))
    person = call.fields.get("contact")
    if known is None:
        contact, _ = write.save(call.account, sent.draft(person), call.now)
    else:
        contact = write.change(known, sent.draft(person, known.email), call.now)
    consent.record(contact, told, SOURCE, call.now)
    return contact


def _with_preferences(call: Call, contact: Contact) -> dict[str, Any]:
    if (chosen := call.fields.get("preferences")) is not None:
        preferences.choose(call, contact, chosen)
    return _with_consent(contact) | {"preferences": preferences.tree_for(call, contact)}


def _with_consent(contact: Contact) -> dict[str, Any]:
    rows = contact.consents.order_by("pk")
    return {"contact": shapes.full_contact(contact), "consentFields": [_shape(row) for row in rows]}


def evidence(told: Any) -> list[Evidence]:
    """`[{"fields": [{key, value}]}]`, or one such object, as evidence."""
    sets = [told] if isinstance(told, Mapping) else told or []
    if not isinstance(sets, list) or not all(isinstance(one, Mapping) for one in sets):
        raise invalid("consentFields is a list of fields.", "ERROR_CONTACT_INVALID")
    return [_evidence(sent.data(one.get("fields"))) for one in sets]


def _evidence(fields: Mapping[str, object]) -> Evidence:
    told: dict[str, Any] = {}
    for key, value in fields.items():
        name = _KEYS.get(key.lower())
        if name is None:
            raise invalid(f"'{key}' is not a field of consent.", "ERROR_CONTACT_INVALID")
        if value is not None and value != "":
            told[name] = since(str(value)) if name == "given_at" else str(value)
    return Evidence(**told)


def _shape(row: Consent) -> dict[str, Any]:
    values = (
        ("TEXT", row.text),
        ("DATETIMECONSENTED", row.given_at),
        ("URL", row.url),
        ("IPADDRESS", row.ip),
        ("USERAGENT", row.user_agent),
    )
    return {"id": str(row.pk), "fields": [{"key": key, "value": value or None} for key, value in values]}
