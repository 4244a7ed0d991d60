"""The job that puts the mails of sends in the outbox."""

from __future__ import annotations

import contextlib

from django.db import transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from usher.engage.campaigns import send
from usher.engage.deliver import tasks as delivery
from usher.lib import clock


@app.task(name="sends", lock="sends", queueing_lock="sends")
def run_sends() -> int:
    """Work off every send that is due, then let the mail go; how many mails were queued."""
    queued = send.run_due(clock.now())
    if queued:
        delivery.hand_on()
    return queued


def hand_on() -> None:
    """Hand the sends that are due to a worker; a job that already waits stands for this one."""
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        run_sends.defer()
