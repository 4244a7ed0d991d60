"""Webhooks: made, looked at, changed, deleted; and what they may ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from usher.engage.api.cpaas.drafts import wrong
from usher.engage.api.manner import Call, empty, moment, reply
from usher.engage.api.problems import ApiError
from usher.engage.api.reading import flag, guid, whole
from usher.engage.happenings import webhooks
from usher.engage.happenings.kinds import WEBHOOKS
from usher.engage.happenings.webhooks import FILTERS, Draft, DraftError
from usher.engage.models import Webhook

_FILTERS = [
    {
        "name": name,
        "path": path,
        "required": False,
        "description": "Channel that the event relates to: sms or email.",
    }
    for name, path in FILTERS.items()
]
_TEXT = {"type": "string"}
#: What every event is, as JSON Schema; payloads differ by event.
_SCHEMA = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("eventId", "apiSpaceId", "name", "etag"), _TEXT),
        "accountId": {"type": "integer"},
        "payload": {"type": "object"},
        "revision": {"type": "integer"},
        "timestamp": {"type": "string", "format": "date-time"},
    },
}


def listed(call: Call) -> HttpResponse:
    rows = list(_rows(call).order_by("created_at"))
    return _stamped(reply([_shape(row) for row in rows]), rows)


def get(call: Call, webhook: str) -> HttpResponse:
    return _shown(_known(call, webhook))


def create(call: Call) -> HttpResponse:
    return _shown(_saved(call, None), 201)


def change(call: Call, webhook: str) -> HttpResponse:
    return _shown(_saved(call, _meant(call, webhook)))


def delete(call: Call, webhook: str) -> HttpResponse:
    webhooks.delete(_meant(call, webhook), _by(call), call.now)
    return empty(204)


def available_events(call: Call) -> HttpResponse:
    schema = {"schema": _SCHEMA} if flag(call, "includeSchemas") else {}
    return reply(
        [
            {"type": name, "description": text, "filters": _FILTERS, **schema}
            for name, text in WEBHOOKS.items()
        ]
    )


def available_templates(call: Call) -> HttpResponse:
    messages = [name for name in WEBHOOKS if name.startswith("message.")]
    description = "All messaging-related events"
    return reply([{"name": "Message events", "description": description, "events": messages}])


def _rows(call: Call) -> QuerySet[Webhook]:
    rows = Webhook.objects.filter(account=call.account)
    return rows if flag(call, "includeDeleted") else rows.filter(deleted_at=None)


def _known(call: Call, webhook: str) -> Webhook:
    unknown = ApiError(404, "notFound", "There is no such webhook.")
    found = _rows(call).filter(pk=guid(webhook, unknown)).first()
    if found is None:
        raise unknown
    return found


def _meant(call: Call, webhook: str) -> Webhook:
    """The webhook that is to be changed, if it is as the caller has seen it."""
    found = _known(call, webhook)
    if found.deleted_at:
        raise ApiError(404, "notFound", "There is no such webhook.")
    seen = call.request.headers.get("If-Match", "").strip()
    if seen and seen != "*" and seen.removeprefix("W/").strip('"') != _version([found]):
        raise ApiError(412, "preconditionFailed", "The webhook was changed meanwhile.")
    return found


def _saved(call: Call, known: Webhook | None) -> Webhook:
    try:
        return webhooks.save(call.account, _draft(call.fields), _by(call), call.now, known)
    except DraftError as problem:
        raise wrong(problem.field, problem.message) from None


def _draft(sent: dict[str, Any]) -> Draft:
    secret, batch = sent.get("secret"), sent.get("batch")
    if batch is not None and not isinstance(batch, bool):
        raise wrong("batch", "batch is true or false.")
    return Draft(
        name=_text(sent.get("name"), "name"),
        url=_text(sent.get("url"), "url"),
        secret=None if secret is None else _text(secret, "secret"),
        subscriptions=_subscriptions(sent.get("subscriptions")),
        batch=batch,
        max_batch_size=_number(sent.get("maxbatchsize"), "maxBatchSize"),
        batch_timeout=_number(sent.get("batchtimeout"), "batchTimeout"),
    )


def _subscriptions(sent: Any) -> list[dict[str, Any]] | None:
    if sent is None:
        return None
    if not isinstance(sent, list):
        raise wrong("subscriptions", "subscriptions is a list of events.")
    found = []
    for one in sent:
        if not isinstance(one, dict) or not isinstance(one.get("filters") or [], list):
            raise wrong("subscriptions", "A subscription is an object with a type and a list of filters.")
        said = {"type": _text(one.get("type"), "subscriptions.type")}
        found.append(said | {"filters": [_filter(each) for each in one.get("filters") or []]})
    return found


def _filter(sent: Any) -> dict[str, str]:
    if not isinstance(sent, dict):
        raise wrong("subscriptions.filters", "A filter is an object.")
    return {name: _text(sent.get(name), f"subscriptions.filters.{name}") for name in ("name", "value")}


def _text(sent: Any, name: str) -> str:
    if not isinstance(sent, str):
        raise wrong(name, f"{name} is a text.")
    return sent.strip()


def _number(sent: Any, name: str) -> int | None:
    try:
        return None if sent is None else whole(sent, name)
    except ApiError:
        raise wrong(name, f"{name} is a whole number.") from None


def _by(call: Call) -> str:
    return call.by.removeprefix("api ")


def _shown(row: Webhook, status: int = 200) -> HttpResponse:
    return _stamped(reply(_shape(row), status), [row])


def _stamped(response: HttpResponse, rows: Sequence[Webhook]) -> HttpResponse:
    response["ETag"] = f'"{_version(rows)}"'
    if rows:
        response["Last-Modified"] = moment(max(row.updated_at for row in rows))
    return response


def _version(rows: Sequence[Webhook]) -> str:
    said = " ".join(f"{row.pk} {row.updated_at.timestamp()}" for row in rows)
    return hashlib.sha1(said.encode()).hexdigest()


def _shape(row: Webhook) -> dict[str, Any]:
    """All but the secret, which nobody is told again."""
    return {
        "id": str(row.pk),
        "name": row.name,
        "url": row.url,
        "subscriptions": row.subscriptions,
        "batch": row.batch,
        "maxBatchSize": row.max_batch_size,
        "batchTimeout": row.batch_timeout,
        "_createdOn": row.created_at,
        "_createdBy": row.created_by,
        "_updatedOn": row.updated_at,
        "_updatedBy": row.updated_by,
    }
