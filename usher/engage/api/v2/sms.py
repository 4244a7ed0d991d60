"""Texts: one to a number, and campaigns of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import invalid, missing
from usher.engage.api.reading import LARGEST_ID, page, whole
from usher.engage.models import TextCampaign
from usher.engage.texts import campaigns, outbox
from usher.engage.texts.numbers import digits
from usher.engage.texts.tasks import hand_on


def send_to(call: Call, number: str) -> HttpResponse:
    """The marketing route: whoever opted out of texts gets none."""
    message = _words(call.fields, "message")
    to = digits(number)
    if problems := campaigns.check_message(message):
        raise invalid("".join(problems), "ERROR_SMS_INVALID")
    outbox.send_marketing(call.account, to, message, call.now)
    transaction.on_commit(hand_on)
    return empty(204)


def listed(call: Call) -> HttpResponse:
    rows = TextCampaign.objects.filter(account=call.account)
    return page(call, rows, lambda row: _shape(row) | {"message": ""})


def create(call: Call) -> HttpResponse:
    made = TextCampaign(account=call.account, status=campaigns.UNSENT, created_at=call.now)
    _write(call, made)
    return reply(_shape(made), 201)


def get(call: Call, campaign: int) -> HttpResponse:
    return reply(_shape(_known(call, campaign)))


def change(call: Call, campaign: int) -> HttpResponse:
    found = _known(call, campaign)
    _write(call, found)
    return reply(_shape(found))


def delete(call: Call, campaign: int) -> HttpResponse:
    _known(call, campaign).delete()
    return empty(204)


def copy(call: Call) -> HttpResponse:
    number = whole(call.fields.get("campaignid"), "campaignId")
    found = _find(call, number)
    if found is None:
        raise invalid("Error:", "ERROR_CAMPAIGN_NOT_FOUND")
    made = campaigns.copy(found, _words(call.fields, "copyname"), call.now)
    return reply(_shape(made), 201)


def _find(call: Call, campaign: int) -> TextCampaign | None:
    rows = TextCampaign.objects.filter(account=call.account, pk=campaign).select_related("account")
    return rows.first() if abs(campaign) <= LARGEST_ID else None


def _known(call: Call, campaign: int) -> TextCampaign:
    found = _find(call, campaign)
    if found is None:
        raise missing("ERROR_CAMPAIGN_NOT_FOUND")
    return found


def _write(call: Call, campaign: TextCampaign) -> None:
    campaigns.write(
        campaign,
        name=_words(call.fields, "name"),
        message=_words(call.fields, "message"),
        sender=_words(call.fields, "sendingidentity"),
        short_links=str(call.fields.get("toggleshortlinks")).lower() in ("true", "1"),
        now=call.now,
    )


def _words(fields: Mapping[str, Any], name: str) -> str:
    found = fields.get(name)
    return found if isinstance(found, str) else ""


def _shape(row: TextCampaign) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "message": row.message,
        # senders are no rows here: any name or number may be one
        "sendingIdentityId": 0,
        "sendingIdentity": row.sender or None,
        "toggleShortLinks": row.short_links,
        "status": row.status,
    }
