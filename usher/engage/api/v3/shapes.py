"""A contact as version 3 shows it."""

from __future__ import annotations

from typing import Any

from usher.engage.contacts.fields import types_of
from usher.engage.models import Contact
from usher.engage.models.contacts import Status

#: Our status -> the contact's, where it is not the same word in lower case.
CONTACT = {
    Status.SUBSCRIBED: "subscribed",
    Status.PENDING_OPT_IN: "pendingOptIn",
    Status.UNSUBSCRIBED: "unsubscribed",
    Status.DELETED: "deleted",
}
#: Our status -> the e-mail channel's, with the published capital letters.
EMAIL = {
    Status.SUBSCRIBED: "subscribed",
    Status.PENDING_OPT_IN: "pendingOptIn",
    Status.UNSUBSCRIBED: "unsubscribed",
    Status.SOFT_BOUNCED: "softBounced",
    Status.HARD_BOUNCED: "hardBounced",
    Status.ISP_COMPLAINED: "ispComplained",
    Status.DIRECT_COMPLAINT: "directComplaint",
    Status.SHARED_SUPPRESSION: "sharedsuppression",
    Status.DOMAIN_SUPPRESSION: "domainSuppressed",
    Status.DELETED: "deleted",
}


def contact(row: Contact) -> dict[str, Any]:
    identifiers = {"email": row.email}
    if row.mobile_number:
        identifiers["mobileNumber"] = row.mobile_number
    email = {
        "emailType": row.email_type,
        "optInType": row.opt_in_type,
        "status": EMAIL.get(Status(row.status), "suppressed"),
    }
    return {
        "contactId": row.pk,
        "status": CONTACT.get(Status(row.status), "suppressed"),
        "created": row.created_at,
        "updated": row.updated_at,
        "identifiers": identifiers,
        "dataFields": {name: row.data.get(name) for name in types_of(row.account)},
        "channelProperties": {"email": email},
        "lists": _lists(row),
        "preferences": [],
        "consentRecords": [],
    }


def _lists(row: Contact) -> list[dict[str, Any]]:
    open_to_mail = {Status.SUBSCRIBED: "subscribed", Status.PENDING_OPT_IN: "pending"}
    shown = open_to_mail.get(Status(row.status), "suppressed")
    rows = row.memberships.select_related("list").order_by("list_id")
    return [
        {
            "id": one.list_id,
            "name": one.list.name,
            "status": "suppressed" if one.unsubscribed_at else shown,
        }
        for one in rows
    ]
