"""Contacts as version 3 shows them; what they have beside their own row is fetched as a set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import phonenumbers

from usher.engage.contacts import custom
from usher.engage.models import Choice, Consent, Contact, Membership
from usher.engage.models.contacts import Status

Shape = dict[str, Any]
#: What is shown of a contact besides, by its published name.
CHANNELS, LISTS, PREFERENCES, CONSENTS = "channelProperties", "lists", "preferences", "consentRecords"
PARTS = (CHANNELS, LISTS, PREFERENCES, CONSENTS)

#: Our status -> the contact's; all others are suppressed.
CONTACT = {
    Status.SUBSCRIBED: "subscribed",
    Status.PENDING_OPT_IN: "pendingOptIn",
    Status.UNSUBSCRIBED: "unsubscribed",
    Status.DELETED: "deleted",
}
#: Our status -> the e-mail channel's, with the published capital letters; all others are suppressed.
EMAIL = CONTACT | {
    Status.SOFT_BOUNCED: "softBounced",
    Status.HARD_BOUNCED: "hardBounced",
    Status.ISP_COMPLAINED: "ispComplained",
    Status.DIRECT_COMPLAINT: "directComplaint",
    Status.SHARED_SUPPRESSION: "sharedsuppression",
    Status.DOMAIN_SUPPRESSION: "domainSuppressed",
}
#: The same of a mobile number; nothing was agreed: no subscription.
SMS = {
    "": "noSubscription",
    Status.SUBSCRIBED: "subscribed",
    Status.UNSUBSCRIBED: "unsubscribed",
    Status.HARD_BOUNCED: "bounced",
}


def contact(row: Contact, fields: Iterable[str]) -> Shape:
    """All of one contact."""
    return contacts([row], fields, PARTS)[0]


def contacts(rows: Sequence[Contact], fields: Iterable[str] | None, parts: Collection[str]) -> list[Shape]:
    """Contacts with these data fields (None: without any) and these parts."""
    shown: dict[int, Shape] = {row.pk: _basics(row) for row in rows}
    names = None if fields is None else list(fields)
    for row in rows:
        if names is not None:
            shown[row.pk]["dataFields"] = {name: row.data.get(name) for name in names}
        if CHANNELS in parts:
            shown[row.pk][CHANNELS] = _channels(row)
    by_id = {row.pk: row for row in rows}
    for key, called in custom.of(by_id).items():
        shown[key]["identifiers"] |= called
    for part, find in _FOUND.items():
        if part in parts:
            found = find(by_id)
            for key, shape in shown.items():
                if found[key] or part != PREFERENCES:  # a list of preferences is described as never empty
                    shape[part] = found[key]
    return list(shown.values())


def identifiers(row: Contact) -> Shape:
    """Those that the contact has."""
    shown = {"email": row.email, "mobileNumber": row.mobile_number}
    return {name: value for name, value in shown.items() if value}


def country(number: str) -> str:
    """The country of a number, by its code of two letters; empty when it is nobody's."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{number}")) or ""
    except phonenumbers.NumberParseException:
        return ""


def _basics(row: Contact) -> Shape:
    has_mail = row.email_key is not None or row.status != Status.SUBSCRIBED
    sms = {"bounced": "suppressed"}.get(_sms(row), _sms(row))
    return {
        "contactId": row.pk,
        "status": CONTACT.get(Status(row.status), "suppressed") if has_mail else sms,
        "created": row.created_at,
        "updated": row.updated_at,
        "identifiers": identifiers(row),
    }


def _channels(row: Contact) -> Shape:
    """The channels on which the contact can be reached at all."""
    channels: Shape = {}
    if row.email_key is not None:
        status = EMAIL.get(Status(row.status), "suppressed")
        channels["email"] = {"emailType": row.email_type, "optInType": row.opt_in_type, "status": status}
    if row.mobile_number:
        channels["sms"] = {"countryCode": country(row.mobile_number), "status": _sms(row)}
    return channels


def _sms(row: Contact) -> str:
    return SMS.get(row.sms_status, "suppressed")


Found = Mapping[int, list[Shape]]


def _lists(by_id: Mapping[int, Contact]) -> Found:
    open_to_mail = {Status.SUBSCRIBED: "subscribed", Status.PENDING_OPT_IN: "pending"}
    found: dict[int, list[Shape]] = defaultdict(list)
    rows = Membership.objects.filter(contact__in=by_id).select_related("list").order_by("list_id")
    for one in rows:
        status = open_to_mail.get(Status(by_id[one.contact_id].status), "suppressed")
        if one.unsubscribed_at:
            status = "suppressed"
        found[one.contact_id].append({"id": one.list_id, "name": one.list.name, "status": status})
    return found


def _preferences(by_id: Mapping[int, Contact]) -> Found:
    """Those that the contact opted in to."""
    found: dict[int, list[Shape]] = defaultdict(list)
    rows = Choice.objects.filter(contact__in=by_id, opted_in=True).select_related("preference")
    for one in rows.order_by("preference_id"):
        topic = one.preference
        names = {"name": topic.private_name, "publicName": topic.public_name}
        found[one.contact_id].append(
            {"id": topic.pk, "isOptedIn": True, **names, "privateName": topic.private_name}
        )
    return found


def _consents(by_id: Mapping[int, Contact]) -> Found:
    found: dict[int, list[Shape]] = defaultdict(list)
    for one in Consent.objects.filter(contact__in=by_id).order_by("pk"):
        found[one.contact_id].append(
            {
                "text": one.text,
                "dateTimeConsented": one.given_at,
                "url": one.url,
                "ipAddress": one.ip,
                "userAgent": one.user_agent,
                "dateTimeCreated": one.recorded_at,
            }
        )
    return found


_FOUND: Mapping[str, Callable[[Mapping[int, Contact]], Found]] = {
    LISTS: _lists,
    PREFERENCES: _preferences,
    CONSENTS: _consents,
}
