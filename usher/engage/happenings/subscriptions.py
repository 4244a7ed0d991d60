"""Subscriptions: what a client wants to be told, and how far it has come."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from usher.engage.errors import EngageError
from usher.engage.happenings import log
from usher.engage.happenings.kinds import EVENTS
from usher.engage.happenings.patterns import expression, json_path
from usher.engage.messages import letters
from usher.engage.models import Account, Happening, Letter, Subscription
from usher.engage.models.events import Feed
from usher.lib import addresses

logger = logging.getLogger(__name__)

ACTIVE, INACTIVE = "active", "inactive"
LONGEST_NAME = 50
MOST_TYPES, MOST_FILTERS = 100, 5
#: Whoever fetches nothing for so long is not told any more.
UNUSED = timedelta(days=30)
_BY_MAIL = ("email", "emailAndInApp")
CHANNELS = ("none", "inApp", *_BY_MAIL)


class UnknownTypeError(EngageError):
    """There is no such type of happening."""


class NameTakenError(EngageError):
    """Another subscription has this name."""


@dataclass(frozen=True)
class Draft:
    """What a caller wants; `types` and `alerts` as a subscription keeps them."""

    name: str
    status: str
    types: Sequence[Mapping[str, Any]]
    alerts: Mapping[str, Any]


def save(account: Account, draft: Draft, now: datetime, known: Subscription | None = None) -> Subscription:
    """Make a subscription, or change one. What happened before it became active it is not told.

    EngageError for what does not fit; UnknownTypeError, NameTakenError.
    """
    _check(draft)
    begins = draft.status == ACTIVE and (known is None or known.status != ACTIVE)
    row = known or Subscription(account=account, created_at=now, read_at=now)
    row.name, row.status, row.types = draft.name, draft.status, [dict(one) for one in draft.types]
    row.alerts, row.updated_at = dict(draft.alerts), now
    if begins:
        row.after, row.read_at = log.settle(account, Feed.EVENTS, now), now
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise NameTakenError("ERROR_PARAMETER_INVALID", f"There is a subscription '{draft.name}'.") from None
    return row


def fetch(subscription: Subscription, upto: int, after: int, most: int) -> tuple[list[Happening], int]:
    """The next happenings behind `after`, and the number that confirms them.

    `upto` is what `log.settle` answered. Fewer than `most`: there are no more up to it.
    """
    wanted = [_wanted(one) for one in subscription.types]
    found = log.read(subscription.account, Feed.EVENTS, wanted, after, upto, most)
    return found, (found[-1].number or upto) if len(found) == most else max(after, upto)


def confirm(subscription: Subscription, after: int, now: datetime) -> None:
    """Everything up to this number has come to the client, which does not ask for it again."""
    Subscription.objects.filter(pk=subscription.pk).update(after=max(subscription.after, after), read_at=now)


def give_up(now: datetime) -> int:
    """Deactivate the subscriptions that nobody fetches, and tell whoever is to be told; how many."""
    unused = Subscription.objects.filter(status=ACTIVE, read_at__lt=now - UNUSED)
    for row in unused.select_related("account"):
        with transaction.atomic():
            if unused.filter(pk=row.pk).update(status=INACTIVE, updated_at=now):
                _alert(row, now)
    return len(unused)


def _alert(row: Subscription, now: datetime) -> None:
    logger.warning("subscription %s (%s) was not fetched for 30 days and is inactive", row.pk, row.name)
    if row.alerts.get("alertChannels") not in _BY_MAIL:
        return
    text = (
        f"Nobody has fetched the events of the subscription “{row.name}” (id {row.pk}) for"
        f" {UNUSED.days} days. It is inactive now and collects nothing; what it had is lost."
        " Make it active again when its events are needed."
    )
    letter = Letter(
        account=row.account,
        to=[row.alerts["email"]],
        subject=f"The event subscription “{row.name}” has become inactive",
        text=text,
        created_at=now,
    )
    letters.send([(letter, ())], now)


def _wanted(one: Mapping[str, Any]) -> log.Wanted:
    filters = [
        (json_path(each["field"]), expression(each["matchPattern"]), each.get("caseSensitive", True))
        for each in one.get("filters", ())
    ]
    return log.Wanted(one["eventType"], filters)


def _check(draft: Draft) -> None:
    if not 1 <= len(draft.name) <= LONGEST_NAME:
        raise _wrong(f"name has 1 to {LONGEST_NAME} characters")
    if draft.status not in (ACTIVE, INACTIVE):
        raise _wrong(f"status is {ACTIVE} or {INACTIVE}")
    if not 1 <= len(draft.types) <= MOST_TYPES:
        raise _wrong(f"subscribedEventTypes has 1 to {MOST_TYPES} types")
    for one in draft.types:
        if one["eventType"] not in EVENTS:
            raise UnknownTypeError(
                "ERROR_PARAMETER_INVALID", f"The type value '{one['eventType']}' is invalid."
            )
        if len(one.get("filters", ())) > MOST_FILTERS:
            raise _wrong(f"A type has at most {MOST_FILTERS} filters")
        _wanted(one)
    channel, email = draft.alerts.get("alertChannels"), draft.alerts.get("email")
    if channel not in CHANNELS:
        raise _wrong(f"alertChannels is one of {', '.join(CHANNELS)}")
    if channel in _BY_MAIL and (wrong := addresses.problem(str(email or ""))):
        raise _wrong(f"alerts by mail need an address: {wrong}")


def _wrong(message: str) -> EngageError:
    return EngageError("ERROR_PARAMETER_INVALID", message)
