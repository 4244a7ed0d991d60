"""Campaigns and their sends as version 2 shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from usher.engage.models import Campaign, Send
from usher.engage.models.campaigns import CampaignStatus

Shape = dict[str, Any]

#: A moment that has not come, where the published type has no null.
NEVER = "0001-01-01T00:00:00.000Z"


def campaign(row: Campaign, senders: Mapping[str, int], *, with_content: bool = True) -> Shape:
    """`senders`: the account's addresses and their ids, as usher.engage.campaigns.senders knows them."""
    email = row.from_address or row.account.from_address
    return {
        "id": row.pk,
        "name": row.name,
        "subject": row.subject,
        "fromName": row.from_name or row.account.from_name,
        "fromAddress": {"id": senders.get(email.lower(), 0), "email": email},
        "htmlContent": row.html if with_content else None,
        "plainTextContent": row.text if with_content else None,
        "replyAction": row.reply_action,
        "replyToAddress": row.forward_to or None,
        "isSplitTest": False,
        "status": row.status,
        "customReplyToAddress": row.reply_to if row.reply_to != row.forward_to else None,
    }


def typed(row: Campaign, senders: Mapping[str, int]) -> Shape:
    """As creating answers it."""
    return campaign(row, senders) | {"type": kind(row)}


def extended(
    row: Campaign, senders: Mapping[str, int], sent: datetime | None, scheduled: datetime | None
) -> Shape:
    """As the filtered list shows it."""
    more = {"type": kind(row), "tags": row.tags, "sentDate": sent, "scheduledDate": scheduled}
    return campaign(row, senders, with_content=False) | more


def detailed(
    row: Campaign, senders: Mapping[str, int], sent: datetime | None, *, with_content: bool = True
) -> Shape:
    return campaign(row, senders, with_content=with_content) | {
        "type": kind(row),
        "tags": [{"name": tag} for tag in row.tags],
        "splitTestOptions": [],
        "sentDate": sent or NEVER,
    }


def kind(row: Campaign) -> str:
    return "Triggered" if row.status == CampaignStatus.TRIGGERED else "Standard"


def send(row: Send) -> Shape:
    return {
        "id": str(row.pk),
        "campaignId": row.campaign_id,
        "addressBookIds": row.lists or None,
        "contactIds": row.contacts or None,
        "sendDate": row.due_at,
        "splitTestOptions": None,
        "status": row.status,
    }
