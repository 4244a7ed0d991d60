"""Sending campaigns, now or later, and how far that is."""

from __future__ import annotations

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid, missing
from usher.engage.api.reading import LARGEST_ID, guid, since, whole, wholes
from usher.engage.api.v2 import campaign_shapes, split_tests
from usher.engage.campaigns import send, tasks
from usher.engage.models import Campaign, Send


def send_campaign(call: Call) -> HttpResponse:
    return _send(call, optimised=False)


def send_optimised(call: Call) -> HttpResponse:
    """Within 24 hours, to each contact at the hour at which it opens most."""
    return _send(call, optimised=True)


def _send(call: Call, *, optimised: bool) -> HttpResponse:
    body = call.fields
    campaign = _named(call, whole(body.get("campaignid"), "campaignId"))
    date = body.get("senddate")
    asked = send.ask(
        campaign,
        call.now,
        lists=wholes(body.get("addressbookids"), "addressBookIds"),
        contacts=wholes(body.get("contactids"), "contactIds"),
        at=since(str(date)) if date else None,
        optimised=optimised,
        test=split_tests.options(body.get("splittestoptions")),
    )
    tasks.hand_on()
    return reply(campaign_shapes.send(asked), 202)


def _named(call: Call, number: int) -> Campaign:
    rows = Campaign.objects.filter(account=call.account, pk=number).select_related("account")
    found = rows.first() if abs(number) <= LARGEST_ID else None
    if found is None:
        raise invalid("Error:", "ERROR_CAMPAIGN_NOT_FOUND")
    return found


def progress(call: Call, send_id: str) -> HttpResponse:
    unknown: ApiError = missing("ERROR_CAMPAIGN_SEND_INVALID")
    found = Send.objects.filter(account=call.account, pk=guid(send_id, unknown)).first()
    if found is None:
        raise unknown
    if send.has_ended(found):
        send.settle(call.now)
        found.refresh_from_db()
    return reply(campaign_shapes.send(found))
