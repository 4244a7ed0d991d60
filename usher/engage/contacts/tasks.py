"""The job that deletes many contacts."""

from __future__ import annotations

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from usher.engage.contacts import bulk
from usher.lib import clock

ATTEMPTS = 3


@app.task(name="delete contacts", retry=RetryStrategy(max_attempts=ATTEMPTS, wait=2), pass_context=True)
def delete_contacts(context: JobContext, deletion_id: str) -> None:
    try:
        bulk.run(deletion_id, clock.now())
    except Exception:
        if context.job.attempts + 1 >= ATTEMPTS:
            bulk.fail(deletion_id, clock.now())
        raise
