"""Subscriptions of version 3, and what happened for those who subscribe to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import invalid
from usher.engage.api.reading import LARGEST_ID, text, whole
from usher.engage.api.v3.paging import page
from usher.engage.api.v3.wording import ServiceError
from usher.engage.happenings import log, subscriptions
from usher.engage.happenings.kinds import EVENTS
from usher.engage.happenings.subscriptions import CHANNELS, Draft, NameTakenError, UnknownTypeError
from usher.engage.models import Happening, Subscription
from usher.engage.models.events import Feed

#: Happenings of one reply.
USUAL, MOST = 2000, 5000
_CHECKPOINT = re.compile(r"z([0-9a-f]{1,15})", re.ASCII)
_TYPES = {name.lower(): name for name in EVENTS}
_CHANNELS = {name.lower(): name for name in CHANNELS}


def listed(call: Call) -> HttpResponse:
    found = page(call, Subscription.objects.filter(account=call.account))
    return reply({"_links": found.links, "_items": [_shape(row) for row in found.rows]})


def get(call: Call, subscription: str) -> HttpResponse:
    return reply(_shape(_known(call, subscription)))


def create(call: Call) -> HttpResponse:
    return reply(_shape(_saved(call, None)), 201)


def change(call: Call, subscription: str) -> HttpResponse:
    return reply(_shape(_saved(call, _known(call, subscription))))


def delete(call: Call, subscription: str) -> HttpResponse:
    _known(call, subscription).delete()
    return empty(204)


def export(call: Call, subscription: str) -> HttpResponse:
    """What has happened since the last page, which is confirmed by the check point that it had."""
    row = _known(call, subscription)
    if row.status != subscriptions.ACTIVE:
        raise ServiceError(
            409,
            "inactiveSubscription",
            "The subscription is set to inactive and therefore cannot be used.",
            (subscription, "Inactive subscription"),
        )
    limit = whole(call.query.get("limit") or USUAL, "limit")
    if not 1 <= limit <= MOST:
        raise invalid(f"limit must be between 1 and {MOST}")
    upto = log.settle(call.account, Feed.EVENTS, call.now)
    sent = call.query.get("checkpoint", "")
    after = _number(sent, upto) if sent else row.after
    subscriptions.confirm(row, after if sent else 0, call.now)
    found, end = subscriptions.fetch(row, upto, after, limit)
    return reply({"checkPoint": f"z{end:x}", "events": [_event(one) for one in found]})


def large_object(call: Call, lob: str) -> HttpResponse:
    """No event here is so large that a part of it has to be fetched by itself."""
    raise ServiceError(404, "lobNotFound", f"The large object '{lob}' could not be found")


def _known(call: Call, subscription: str) -> Subscription:
    found = None
    if re.fullmatch(r"\d{1,19}", subscription, re.ASCII) and int(subscription) <= LARGEST_ID:
        found = Subscription.objects.filter(account=call.account, pk=int(subscription)).first()
    if found is None:
        raise ServiceError(
            404,
            "subscriptionNotFound",
            "The following subscription could not be found",
            (subscription, "Not found."),
        )
    found.account = call.account
    return found


def _saved(call: Call, known: Subscription | None) -> Subscription:
    draft = _draft(call.fields)
    try:
        return subscriptions.save(call.account, draft, call.now, known)
    except UnknownTypeError as problem:
        raise ServiceError(400, "invalidEventType", problem.message) from None
    except NameTakenError:
        message = f"The name value '{draft.name}' already exists. All names must be unique!"
        raise ServiceError(409, "nameAlreadyExists", message) from None


def _draft(sent: Mapping[str, Any]) -> Draft:
    types = sent.get("subscribedeventtypes")
    if not isinstance(types, list):
        raise invalid("subscribedEventTypes is a list of types")
    return Draft(
        name=text(sent.get("name"), "name").strip(),
        status=text(sent.get("status"), "status").lower(),
        types=[_type(one) for one in types],
        alerts=_alerts(sent.get("alertsconfiguration")),
    )


def _type(sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise invalid("subscribedEventTypes is a list of objects")
    name = text(sent.get("eventtype"), "eventType")
    filters = sent.get("filters") or []
    if not isinstance(filters, list):
        raise invalid("filters is a list of filters")
    shape: dict[str, Any] = {"eventType": _TYPES.get(name.lower(), name)}
    return shape | ({"filters": [_filter(one) for one in filters]} if filters else {})


def _filter(sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise invalid("filters is a list of objects")
    case = sent.get("casesensitive", True)
    if not isinstance(case, bool):
        raise invalid("caseSensitive is neither true nor false")
    field, pattern = sent.get("field"), sent.get("matchpattern")
    if not isinstance(field, str) or not isinstance(pattern, str):
        raise invalid("A filter has a field and a matchPattern, which are texts")
    return {"field": field, "matchPattern": pattern, "caseSensitive": case}


def _alerts(sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise invalid("alertsConfiguration is required")
    channels = str(sent.get("alertchannels") or "")
    shape = {"alertChannels": _CHANNELS.get(channels.lower(), channels)}
    return shape | ({"email": sent.get("email")} if "email" in channels.lower() else {})


def _number(sent: str, upto: int) -> int:
    match = _CHECKPOINT.fullmatch(sent)
    if match is None or int(match[1], 16) > upto:
        raise ServiceError(
            400,
            "invalidCheckpoint",
            "The checkpoint passed is invalid and cannot be parsed.",
            (sent, "Invalid checkpoint."),
        )
    return int(match[1], 16)


def _event(row: Happening) -> dict[str, Any]:
    return {
        "id": str(row.key),
        "accountId": row.account_id,
        "processedDate": row.recorded_at,
        "type": row.type,
        "eventDate": row.at,
        "data": row.data,
    }


def _shape(row: Subscription) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "status": row.status,
        "subscribedEventTypes": row.types,
        "alertsConfiguration": row.alerts,
        "created": row.created_at,
        "updated": row.updated_at,
    }
