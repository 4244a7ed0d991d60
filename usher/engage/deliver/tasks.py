"""The job that empties the outbox."""

from __future__ import annotations

import contextlib
import logging
import random
from dataclasses import asdict
from datetime import datetime

from django.conf import settings
from django.db import transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from usher.engage.deliver.relay import asked_sink, relay_from
from usher.engage.deliver.run import deliver
from usher.engage.happenings import tasks as happenings
from usher.engage.models import Claim, Message
from usher.engage.models.messages import MessageState
from usher.lib import clock

log = logging.getLogger(__name__)


@app.task(name="deliver", queueing_lock="deliver")
def deliver_due() -> dict[str, int]:
    """Send every message that is due; only one such job waits at a time, any number may run."""
    relay = relay_from(settings.USHER_SMTP_URL)
    done = asdict(deliver(clock.now, relay, chance=random.random, was_accepted=asked_sink))
    if any(done.values()):
        log.info("delivered: %s", ", ".join(f"{count} {what}" for what, count in done.items() if count))
    if happenings.due(clock.now()):
        happenings.hand_on()
    return done


def due(now: datetime) -> bool:
    """Whether a message is due, or a batch is in the hands of a sender, who may be dead."""
    waiting = Message.objects.filter(state=MessageState.QUEUED, due_at__lte=now)
    return waiting.exists() or Claim.objects.filter(settled_at=None).exists()


def hand_on() -> None:
    """Hand the outbox to a worker; a job that already waits stands for this one."""
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        deliver_due.defer()
