"""Campaigns: made, read and listed."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import invalid, missing
from usher.engage.api.reading import LARGEST_ID, page, text
from usher.engage.api.v2 import shapes
from usher.engage.models import Campaign
from usher.engage.models.campaigns import CampaignStatus
from usher.lib import addresses

#: Where the unsubscribe link goes; both bodies must have it.
UNSUBSCRIBE = "http://$UNSUB$"
INVALID = "ERROR_CAMPAIGN_INVALID"


def listed(call: Call) -> HttpResponse:
    rows = Campaign.objects.filter(account=call.account).select_related("account")
    return page(call, rows, lambda row: shapes.campaign(row, with_content=False))


def get(call: Call, campaign: int) -> HttpResponse:
    rows = Campaign.objects.filter(account=call.account).select_related("account")
    found = rows.filter(pk=campaign).first() if campaign <= LARGEST_ID else None
    if found is None:
        raise missing("ERROR_CAMPAIGN_NOT_FOUND")
    return reply(shapes.campaign(found))


def create(call: Call) -> HttpResponse:
    made = Campaign(account=call.account, created_at=call.now, updated_at=call.now, **_sent(call.fields))
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        raise invalid(f"There is a campaign '{made.name}' already.", INVALID) from None
    return reply(shapes.campaign(made), 201)


def _sent(body: dict[str, Any]) -> dict[str, Any]:
    values = {
        "name": _short(body, "name", 255),
        "subject": _short(body, "subject", 998),
        "from_name": _short(body, "fromName", 128),
        "from_address": _address((body.get("fromaddress") or {}), "fromAddress"),
        "reply_to": _address({"email": body.get("replytoaddress")}, "replyToAddress"),
        "html": text(body.get("htmlcontent"), "HtmlContent", INVALID),
        "text": text(body.get("plaintextcontent"), "PlainTextContent", INVALID),
        "status": CampaignStatus.UNSENT,
    }
    for content in ("html", "text"):
        if UNSUBSCRIBE.lower() not in values[content].lower():
            raise invalid(f"The {content} content has no unsubscribe link ({UNSUBSCRIBE}).", INVALID)
    if str(body.get("type") or "").lower() == "triggered":
        values["status"] = CampaignStatus.TRIGGERED
    return values


def _short(body: dict[str, Any], name: str, longest: int) -> str:
    value = text(body.get(name.lower()), name, INVALID).strip()
    if len(value) > longest or "\r" in value or "\n" in value:
        raise invalid(f"The {name} field is one line of at most {longest} characters.", INVALID)
    return value


def _address(sent: Any, name: str) -> str:
    email = str(sent.get("email") or "") if isinstance(sent, dict) else ""
    if email and addresses.problem(email):
        raise invalid(f"The {name} field is not an address.", INVALID)
    return email
