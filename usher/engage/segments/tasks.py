"""The jobs that refresh segments: one that was asked for, and every hour all of them."""

from __future__ import annotations

from procrastinate.contrib.django import app

from usher.engage.models import ContactList
from usher.engage.segments.refresh import refresh, request_all
from usher.lib import clock


@app.task(name="refresh_segment", retry=3)
def refresh_segment(segment: int) -> None:
    """Refresh one segment, unless it was deleted meanwhile."""
    found = ContactList.objects.filter(pk=segment).first()
    if found is not None:
        refresh(found, clock.now())


@app.periodic(cron="7 * * * *")
@app.task(name="refresh_segments", queueing_lock="refresh_segments")
def refresh_segments(timestamp: int) -> int:
    """Every hour of the system's clock."""
    return request_all()
