"""The job that deletes what is kept for a time only: calls, notes of changes, used nonces, happenings."""

from __future__ import annotations

from procrastinate.contrib.django import app

from usher.engage import audit, calls, spotler_keys
from usher.engage.happenings import forgetting as happenings
from usher.lib import clock


@app.periodic(cron="23 * * * *")
@app.task(name="engage.forget", queueing_lock="engage.forget")
def forget(timestamp: int) -> int:
    """Once an hour; how many rows were deleted."""
    now = clock.now()
    rooms = (calls, audit, spotler_keys, happenings)
    return sum(room.forget(now) for room in rooms)
