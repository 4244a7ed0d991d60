"""Campaigns of texts: what operations write and copy; none sends them."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from usher.engage.errors import EngageError
from usher.engage.models import TextCampaign
from usher.engage.texts.outbox import LONGEST_MARKETING

UNSENT = "Unsent"
LONGEST_NAME, LONGEST_SENDER = 255, 15
_LINK = re.compile(r"(?:https?://|www\.)\S*", re.IGNORECASE)
#: A name, or a number.
_SENDER = re.compile(r"[A-Za-z0-9 &._'-]{2,11}\Z|\+?\d{3,15}\Z", re.ASCII)


def write(
    campaign: TextCampaign, *, name: str, message: str, sender: str, short_links: bool, now: datetime
) -> None:
    """Make or change a campaign that was not sent. EngageError names every field that is wrong."""
    if campaign.status != UNSENT:
        raise EngageError("ERROR_CAMPAIGN_READONLY", "The campaign was sent.")
    if problems := _problems(name, message, sender, short_links):
        raise EngageError("ERROR_SMS_INVALID", "".join(problems))
    campaign.name, campaign.message = name, message
    campaign.sender, campaign.short_links, campaign.updated_at = sender, short_links, now
    campaign.save()


def copy(campaign: TextCampaign, name: str, now: datetime) -> TextCampaign:
    """An unsent campaign with the same content."""
    made = TextCampaign(account=campaign.account, status=UNSENT, created_at=now)
    write(
        made,
        name=name,
        message=campaign.message,
        sender=campaign.sender,
        short_links=campaign.short_links,
        now=now,
    )
    return made


def check_message(message: str) -> list[str]:
    """What is wrong with the words of a marketing text."""
    if not message.strip():
        return ["The Message field is required."]
    if len(message) > LONGEST_MARKETING:
        return [f"The Message field has more than {LONGEST_MARKETING} characters."]
    return []


def _problems(name: str, message: str, sender: str, short_links: bool) -> list[str]:
    found = []
    if not name.strip():
        found.append("The Name field is required.")
    if len(name) > LONGEST_NAME:
        found.append(f"The Name field has more than {LONGEST_NAME} characters.")
    found += check_message(message)
    if sender and not _SENDER.match(sender):
        found.append("The SendingIdentity is no name of 2 to 11 letters and digits, and no number.")
    if short_links:
        found += [
            f"The link {link[:60]} is not valid." for link in _LINK.findall(message) if not _leads(link)
        ]
    return found


def _leads(link: str) -> bool:
    """Does the link name a place that a browser could go to?"""
    try:
        host = urlsplit(link if "://" in link else f"http://{link}").hostname or ""
    except ValueError:
        return False
    return "." in host.strip(".") and ".." not in host
