"""The job that empties the outbox of texts."""

from __future__ import annotations

import contextlib
import logging
import random
from datetime import datetime

from django.conf import settings
from django.db import transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from usher.engage.channels.sms import gateway_from
from usher.engage.happenings import tasks as happenings
from usher.engage.models import TextMessage
from usher.engage.models.texts import TextState
from usher.engage.texts.run import run
from usher.lib import clock

log = logging.getLogger(__name__)


@app.task(name="texts", queueing_lock="texts")
def send_texts() -> dict[str, int]:
    """Send every text that is due, and ask about those that were sent."""
    done = run(clock.now, gateway_from(settings.USHER_SMS_URL), chance=random.random)
    if done.total():
        log.info("texts: %s", ", ".join(f"{count} {what}" for what, count in done.items() if count))
    if happenings.due(clock.now()):
        happenings.hand_on()
    return dict(done)


def due(now: datetime) -> bool:
    """Whether a text is due, is to be asked about, or is in the hands of a sender, who may be dead."""
    waiting = TextMessage.objects.filter(state=TextState.QUEUED, due_at__lte=now)
    asked = TextMessage.objects.filter(ask_at__lte=now)
    return waiting.exists() or asked.exists() or TextMessage.objects.filter(state=TextState.CLAIMED).exists()


def hand_on() -> None:
    """Hand the outbox to a worker; a job that already waits stands for this one."""
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        send_texts.defer()
