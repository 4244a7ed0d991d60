"""The jobs that delete many contacts, and that write the words by which contacts are found."""

from __future__ import annotations

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from usher.engage.contacts import bulk, words
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


@app.periodic(cron="* * * * *")
@app.task(name="contacts.words", queueing_lock="contacts.words", lock="contacts.words")
def write_words(timestamp: int) -> int:
    """Once a minute; how many contacts were looked at."""
    return words.write_all(clock.now())
