"""When everything is to be evaluated."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.audiences.models import Evaluation, EvaluationSchedule
from usher.lib import schedule

#: A slot whose run was refused or failed is tried again after this time: the data may have been mended.
AGAIN_AFTER = timedelta(minutes=15)


def due(now: datetime) -> datetime | None:
    """The scheduled moment of the last day that is due and not done; None when nothing is to do."""
    row = EvaluationSchedule.objects.first()
    slot = schedule.latest(row.cron, now, ZoneInfo(settings.TIME_ZONE)) if row else None
    run = Evaluation.objects.filter(slot=slot).first() if slot else None
    if run is None:
        return slot
    if run.state == Evaluation.State.DONE:
        return None
    waiting = run.finished_at and run.finished_at + AGAIN_AFTER > now
    return None if waiting else slot


def next_due(after: datetime) -> datetime | None:
    """The first scheduled moment later than `after`; None without a schedule."""
    row = EvaluationSchedule.objects.first()
    return schedule.following(row.cron, after, ZoneInfo(settings.TIME_ZONE)) if row else None
