"""Transactional mail: its own content or a triggered campaign's, one or many in a call, and its figures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.original import as_sent
from usher.engage.api.problems import ApiError, invalid, missing
from usher.engage.api.reading import LARGEST_ID, choice, since
from usher.engage.api.v2 import campaign_shapes
from usher.engage.api.v2.letter_drafts import Draft, Reader, triggered, values
from usher.engage.campaigns import senders
from usher.engage.content.liquid import TemplateError
from usher.engage.content.transactional import prepared
from usher.engage.messages import allowance, letters, statistics
from usher.engage.messages.statistics import Figures, Period
from usher.engage.models import Campaign
from usher.lib import addresses


def send(call: Call) -> HttpResponse:
    return _one(call, Reader(call, [call.fields]).written(call.fields, as_sent(call)))


def send_triggered(call: Call) -> HttpResponse:
    return _one(call, Reader(call, [call.fields]).triggered(call.fields, as_sent(call)))


def send_batch(call: Call) -> HttpResponse:
    return _many(call, Reader(call, _listed(call)).written)


def send_triggered_batch(call: Call) -> HttpResponse:
    return _many(call, Reader(call, _listed(call)).triggered)


def figures(call: Call, date: str) -> HttpResponse:
    start, sent = since(date), call.query.get("enddate")
    end = _whole_day(since(sent), sent) if sent else max(start, call.now)
    if end < start:
        raise invalid("endDate is before the start.")
    period = choice(call.query.get("aggregatedby"), Period, "aggregatedBy") or Period.ALL_TIME
    return reply([_figures(row) for row in statistics.figures(call.account, start, end, period)])


def prepared_campaign(call: Call, campaign: int, email: str) -> HttpResponse:
    """A triggered campaign as the mail to this address would have it."""
    rows = Campaign.objects.filter(account=call.account, pk=campaign).select_related("account")
    found = rows.first() if campaign <= LARGEST_ID else None
    if found is None:
        raise missing("ERROR_CAMPAIGN_NOT_FOUND")
    if addresses.problem(email):
        raise invalid(f"'{email}' is not an address.", "ERROR_INVALID_EMAIL")
    try:
        html, text = prepared(triggered(found), email, _values_of(call), call.now)
    except TemplateError as error:
        raise invalid(f"The campaign cannot be used: {error}.", "ERROR_CAMPAIGN_INVALID") from None
    shape = campaign_shapes.campaign(found, senders.known(call.account))
    return reply(shape | {"processedHtmlContent": html, "processedPlainTextContent": text})


def _one(call: Call, draft: Draft) -> HttpResponse:
    allowance.hold(call.account)
    if len(letters.recipients(draft.letter)) > allowance.left(call.account, call.now):
        raise _spent()
    letters.send([draft], call.now)
    return empty(200)


def _many(call: Call, read: Callable[[Any, Any], Draft]) -> HttpResponse:
    """Each mail by itself: those that cannot be sent are told, with their place, and stop no other."""
    originals = as_sent(call)
    allowance.hold(call.account)
    left = allowance.left(call.account, call.now)
    drafts, results = [], []
    for index, sent in enumerate(_listed(call)):
        told: dict[str, Any] = {"index": index}
        try:
            draft = read(sent, originals[index])
            left -= len(letters.recipients(draft.letter))
            if left < 0:
                raise _spent()
            drafts.append(draft)
        except ApiError as problem:
            told |= {"failureCode": problem.token, "failureReason": f"{problem.message} {problem.token}"}
        results.append(told)
    letters.send(drafts, call.now)
    return reply(results)


def _spent() -> ApiError:
    return invalid("The transactional emails of the day are used up.", "ERROR_SEND_LIMITEXCEEDED")


def _listed(call: Call) -> list[Any]:
    if not isinstance(call.body, list):
        raise invalid("The body is not a list of emails.", "ERROR_MALFORMED_REQUEST")
    return call.body


def _values_of(call: Call) -> dict[str, str]:
    """`personalizationValues[0].name=…&personalizationValues[0].value=…`, or the list as JSON."""
    if plain := call.query.get("personalizationvalues"):
        try:
            return values(json.loads(plain))
        except ValueError:
            raise invalid("Not JSON.", "ERROR_INVALID_PERSONALISATION_VALUES") from None
    found: dict[str, dict[str, str]] = {}
    for name, value in call.query.items():
        if match := re.fullmatch(r"personalizationvalues\[(\d+)\](?:\.(\w+)|\[(\w+)\])", name):
            found.setdefault(match[1], {})[match[2] or match[3]] = value
    return values(list(found.values()))


def _whole_day(end: datetime, sent: str) -> datetime:
    """A day counts to its last second."""
    return end + timedelta(days=1, seconds=-1) if len(sent) == len("2026-01-01") else end


def _figures(row: Figures) -> dict[str, Any]:
    return {
        "startDate": row.start,
        "endDate": row.end,
        "numSent": row.sent,
        "numDelivered": row.delivered,
        "numOpens": row.opens,
        "numClicks": row.clicks,
        "numIspComplaints": row.complaints,
        "numBounces": row.bounces,
    }
