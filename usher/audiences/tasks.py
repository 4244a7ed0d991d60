"""Evaluations as jobs."""

from __future__ import annotations

from procrastinate.contrib.django import app

from usher.audiences import evaluate as evaluating
from usher.lib import clock


@app.task(name="audiences.evaluate_now", queueing_lock="audiences.evaluate_now", lock="audiences.evaluate")
def evaluate_now() -> int:
    """Evaluate everything as of this moment, because somebody asked; answers the evaluation's id."""
    return evaluating.evaluate(clock.now()).pk
