"""The programs' job beside the tick: letting in those whom an API call asked for."""

from __future__ import annotations

from procrastinate.contrib.django import app

from usher.engage.models import EnrolmentRequest
from usher.engage.programs.enrol import process
from usher.lib import clock


@app.task(name="enrol", retry=3)
def enrol(request: str) -> int:
    """Work off one enrolment request; how many entered."""
    return process(EnrolmentRequest.objects.get(pk=request), clock.now())
