"""Campaigns and their sends as version 2 shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from usher.engage.campaigns.trial import Result
from usher.engage.models import Campaign, CampaignVersion, Send
from usher.engage.models.campaigns import CampaignStatus

Shape = dict[str, Any]

#: A moment that has not come, where the published type has no null.
NEVER = "0001-01-01T00:00:00.000Z"
#: What versions of a split test may differ in -> its published name.
VARIED = {
    "subject": "Subject",
    "from_address": "FromAddress",
    "from_name": "FromName",
    "html": "Html",
    "text": "PlainText",
}


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
        "isSplitTest": row.is_split_test,
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
    row: Campaign,
    senders: Mapping[str, int],
    sent: datetime | None,
    varied: Iterable[str] = (),
    *,
    with_content: bool = True,
) -> Shape:
    """`varied`: the fields in which the versions of a split test differ."""
    return campaign(row, senders, with_content=with_content) | {
        "type": kind(row),
        "tags": [{"name": tag} for tag in row.tags],
        "splitTestOptions": [VARIED[field] for field in varied],
        "sentDate": sent or NEVER,
    }


def kind(row: Campaign) -> str:
    return "Triggered" if row.status == CampaignStatus.TRIGGERED else "Standard"


def split_test(row: Campaign, versions: Sequence[CampaignVersion], senders: Mapping[str, int]) -> Shape:
    """A campaign with versions, as creating it answers it."""
    addresses = [version.from_address or row.account.from_address for version in versions]
    return {
        "id": row.pk,
        "name": row.name,
        "subjects": [version.subject for version in versions],
        "fromNames": [version.from_name for version in versions],
        "fromAddresses": [{"id": senders.get(one.lower(), 0), "email": one} for one in addresses],
        "htmlContents": [version.html for version in versions],
        "plainTextContents": [version.text for version in versions],
        "replyAction": row.reply_action,
        "replyToAddress": row.forward_to or None,
        "status": row.status,
        "customReplyToAddress": row.reply_to if row.reply_to != row.forward_to else None,
    }


def split_result(row: Campaign, result: Result) -> Shape:
    version = result.version
    return {
        "subjectLine": version.subject,
        "fromName": version.from_name or row.account.from_name,
        "fromAddress": version.from_address or row.account.from_address,
        "htmlContent": version.html,
        "plainTextContent": version.text,
        "version": version.letter,
        "winningVersion": version.letter == row.winner,
        "resultsActual": result.done,
        "resultsPercentage": result.share,
    }


def send(row: Send) -> Shape:
    return {
        "id": str(row.pk),
        "campaignId": row.campaign_id,
        "addressBookIds": row.lists or None,
        "contactIds": row.contacts or None,
        "sendDate": row.due_at,
        "splitTestOptions": row.split,
        "status": row.status,
    }
