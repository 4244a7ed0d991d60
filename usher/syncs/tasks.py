"""Jobs of syncs that people start by hand; the scheduled ones are handed on by the minute's tick."""

from __future__ import annotations

from procrastinate.contrib.django import app

from usher.lib import clock
from usher.syncs import run
from usher.syncs.models import Run, Sync


@app.task(name="run_sync")
def run_sync(sync_id: int) -> None:
    """Run a sync now, on demand."""
    run.run(Sync.objects.get(pk=sync_id), clock.now())


@app.task(name="resume_run")
def resume_run(run_id: int) -> None:
    """Go on with a run, for instance one that was approved."""
    run.resume(Run.objects.get(pk=run_id), clock.now())
