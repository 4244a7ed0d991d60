"""The job that posts to webhooks."""

from __future__ import annotations

import contextlib
import logging
import math
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from procrastinate import exceptions
from procrastinate.contrib.django import app

from usher.engage.happenings import push
from usher.engage.models import Happening, WebhookState
from usher.engage.models.events import Feed
from usher.lib import clock

log = logging.getLogger(__name__)

#: What is due later than this is left to the minute's tick.
SOON = timedelta(minutes=1)


@app.task(name="webhooks", queueing_lock="webhooks")
def push_happenings() -> dict[str, int]:
    """Post what is to be posted, and come back when the next is due within a minute."""
    done, later = push.run(clock.now)
    if done.total():
        log.info("webhooks: %s", ", ".join(f"{count} {what}" for what, count in done.items() if count))
    if later and clock.virtual is None and (wait := later - clock.now()) < SOON:
        _come_back(max(1, math.ceil(wait.total_seconds())))
    return dict(done)


def due(now: datetime) -> bool:
    """Whether something waits for a webhook whose next call may be made."""
    waiting = Happening.objects.filter(
        Q(number=None) | Q(number__gt=OuterRef("after")),
        account=OuterRef("webhook__account"),
        feed=Feed.WEBHOOKS,
    )
    live = WebhookState.objects.filter(webhook__deleted_at=None, due_at__lte=now)
    return live.filter(Exists(waiting)).exists()


def hand_on() -> None:
    """Hand what waits to a worker; a job that already waits stands for this one."""
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        push_happenings.defer()


def _come_back(seconds: int) -> None:
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        job = push_happenings.configure(queueing_lock="webhooks later", schedule_in={"seconds": seconds})
        job.defer()
