"""Webhooks: addresses to which is pushed what happens to messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from usher.engage.errors import EngageError
from usher.engage.happenings import log
from usher.engage.happenings.kinds import WEBHOOKS
from usher.engage.happenings.patterns import json_path
from usher.engage.models import Account, Webhook, WebhookState
from usher.engage.models.events import Feed
from usher.lib import secrets

LONGEST_NAME, LONGEST_URL, LONGEST_SECRET = 255, 2000, 255
MOST_IN_BATCH, LONGEST_WAIT = 500, 60
_ADDRESS = re.compile(r"https?://[^\s/]+(/\S*)?\Z", re.IGNORECASE)
#: Filters of a subscription, each with the place in a message that it is about.
FILTERS = {"channel": "$.channel"}


class DraftError(EngageError):
    """What a caller wants of a webhook does not fit; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__("ERROR_PARAMETER_INVALID", message)
        self.field = field


@dataclass(frozen=True)
class Draft:
    """What a caller says of a webhook; None is not said, and stays."""

    name: str
    url: str
    secret: str | None = None
    #: [{"type", "filters": [{"name", "value"}]}]; an empty list stands for all types.
    subscriptions: Sequence[Mapping[str, Any]] | None = None
    batch: bool | None = None
    max_batch_size: int | None = None
    batch_timeout: int | None = None


def save(account: Account, draft: Draft, by: str, now: datetime, known: Webhook | None = None) -> Webhook:
    """Make a webhook, or change one. What happened before it was made is not pushed. DraftError."""
    _check(draft)
    row = known or Webhook(account=account, created_at=now, created_by=by, events=list(WEBHOOKS))
    row.name, row.url, row.updated_at, row.updated_by = draft.name, draft.url, now, by
    if draft.secret is not None:
        row.secret = secrets.seal(draft.secret, settings.USHER_SECRET_KEYS) if draft.secret else ""
    if draft.subscriptions is not None:
        row.subscriptions = [dict(one) for one in draft.subscriptions]
        row.events = sorted({one["type"] for one in draft.subscriptions} or WEBHOOKS)
    for name in ("batch", "max_batch_size", "batch_timeout"):
        if (said := getattr(draft, name)) is not None:
            setattr(row, name, said)
    with transaction.atomic():
        row.save()
        if known is None:
            WebhookState.objects.create(
                webhook=row, after=log.settle(account, Feed.WEBHOOKS, now), due_at=now
            )
        else:  # somebody mended it: it is tried at once
            WebhookState.objects.filter(webhook=row).update(due_at=now, failures=0)
    return row


def delete(row: Webhook, by: str, now: datetime) -> None:
    """Push nothing any more; the row stays, for those who ask what there was."""
    Webhook.objects.filter(pk=row.pk).update(deleted_at=now, updated_at=now, updated_by=by, secret="")


def secret_of(row: Webhook) -> str:
    return secrets.unseal(row.secret, settings.USHER_SECRET_KEYS) if row.secret else ""


def wanted(row: Webhook) -> list[log.Wanted]:
    """What is pushed to it."""
    if not row.subscriptions:
        return [log.Wanted(name) for name in row.events]
    return [
        log.Wanted(
            one["type"],
            [
                (json_path(FILTERS[each["name"]]), f"^{re.escape(each['value'])}$", False)
                for each in one["filters"]
            ],
        )
        for one in row.subscriptions
    ]


def _check(draft: Draft) -> None:
    if not 1 <= len(draft.name) <= LONGEST_NAME:
        raise DraftError("name", f"name has 1 to {LONGEST_NAME} characters.")
    if not _ADDRESS.match(draft.url) or len(draft.url) > LONGEST_URL:
        raise DraftError("url", "url is an address that begins with https:// or http://.")
    if draft.secret is not None and len(draft.secret) > LONGEST_SECRET:
        raise DraftError("secret", f"secret has at most {LONGEST_SECRET} characters.")
    if draft.max_batch_size is not None and not 1 <= draft.max_batch_size <= MOST_IN_BATCH:
        raise DraftError("maxBatchSize", f"maxBatchSize is 1 to {MOST_IN_BATCH}.")
    if draft.batch_timeout is not None and not 1 <= draft.batch_timeout <= LONGEST_WAIT:
        raise DraftError("batchTimeout", f"batchTimeout is 1 to {LONGEST_WAIT} seconds.")
    for one in draft.subscriptions or ():
        if one["type"] not in WEBHOOKS:
            raise DraftError("subscriptions", f"There is no event '{one['type']}'.")
        for each in one["filters"]:
            if each["name"] not in FILTERS:
                raise DraftError("subscriptions", f"There is no filter '{each['name']}'.")
