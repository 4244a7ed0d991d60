"""The job that deletes what is kept for a time only: the record of calls, notes of changes, used nonces."""

from __future__ import annotations

from procrastinate.contrib.django import app

from usher.engage import audit, calls, spotler_keys
from usher.lib import clock


@app.periodic(cron="23 * * * *")
@app.task(name="engage.forget", queueing_lock="engage.forget")
def forget(timestamp: int) -> int:
    """Once an hour; how many rows were deleted."""
    now = clock.now()
    return calls.forget(now) + audit.forget(now) + spotler_keys.forget(now)
