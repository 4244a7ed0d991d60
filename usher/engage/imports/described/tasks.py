"""The job that does an import of version 3."""

from __future__ import annotations

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from usher.engage.imports.described import run
from usher.engage.imports.run import fail
from usher.lib import clock

ATTEMPTS = 3


@app.task(name="import described", retry=RetryStrategy(max_attempts=ATTEMPTS, wait=2), pass_context=True)
def run_described_import(context: JobContext, import_id: str) -> None:
    """One after the other with the account's other imports, in the order in which they came."""
    try:
        run.run(import_id, clock.now())
    except Exception:
        if context.job.attempts + 1 >= ATTEMPTS:
            fail(import_id, "an error of the server; its log says more", clock.now())
        raise
