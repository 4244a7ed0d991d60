"""An evaluation that somebody asks for: handed to a worker, and how far it is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from django.db import connection, transaction
from procrastinate import exceptions

from usher.audiences.models import Evaluation
from usher.work.tasks import evaluate_now


@dataclass(frozen=True)
class Asked:
    """`waiting`: a worker has not begun yet; `running`: one is at it, or the schedule's own is."""

    waiting: bool
    running: bool
    #: The latest that ended, however it did.
    last: Evaluation | None

    @property
    def under_way(self) -> bool:
        return self.waiting or self.running


def ask() -> None:
    """Have everything evaluated by a worker, as of the moment it begins. One that waits stands for both."""
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        evaluate_now.defer()


def asked() -> Asked:
    """What was asked for and has not ended, and the last one that has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct status::text from procrastinate_jobs"
            " where task_name = %s and status in ('todo', 'doing')",
            [evaluate_now.name],
        )
        states = {status for (status,) in cursor.fetchall()}
    last = Evaluation.objects.exclude(state=Evaluation.State.RUNNING).order_by("-finished_at", "-id").first()
    return Asked("todo" in states, "doing" in states, last)
