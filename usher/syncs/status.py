"""How a sync is doing, counted from its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count

from usher.lib import schedule
from usher.syncs.models import Pushed, Run, Sync


@dataclass(frozen=True)
class Status:
    sync: Sync
    last: Run | None
    #: The last run that was done: the platform is as its evaluation says.
    last_done: Run | None
    #: On the list, and reachable there as far as we were told.
    members: int
    #: {reason: people}, most first
    refused: dict[str, int]
    next_at: datetime | None


def status(sync: Sync, now: datetime) -> Status:
    refused = sync.ledger.filter(state=Pushed.State.REFUSED)
    reasons = refused.values_list("reason").annotate(people=Count("pk")).order_by("-people", "reason")
    zone = ZoneInfo(settings.TIME_ZONE)
    return Status(
        sync=sync,
        last=sync.runs.first(),
        last_done=sync.runs.filter(state=Run.State.DONE).first(),
        members=sync.ledger.filter(state=Pushed.State.PUSHED).count(),
        refused=dict(reasons),
        next_at=schedule.following(sync.schedule, now, zone) if sync.schedule else None,
    )
