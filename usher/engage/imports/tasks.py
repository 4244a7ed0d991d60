"""The job that does an import."""

from __future__ import annotations

import logging

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from usher.engage.imports import run
from usher.lib import clock

log = logging.getLogger(__name__)

ATTEMPTS = 3


@app.task(name="import", retry=RetryStrategy(max_attempts=ATTEMPTS, wait=2), pass_context=True)
def run_import(context: JobContext, import_id: str) -> None:
    """Imports of one account are done one after the other, in the order in which they came (see `accept`)."""
    try:
        run.run(import_id, clock.now())
    except Exception:
        if context.job.attempts + 1 >= ATTEMPTS:
            run.fail(import_id, "an error of the server; its log says more", clock.now())
        raise
