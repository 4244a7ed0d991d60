"""The jobs that keep the line moving: the minute's tick looks what is due and hands it to a worker."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import connection
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.tasks import Task

from usher.audiences import schedule as evaluations
from usher.engage.deliver import tasks as delivery
from usher.engage.programs import runner as programs
from usher.lib import clock
from usher.seeds import round as seeds
from usher.syncs import run as syncs

log = logging.getLogger(__name__)


def wake(now: datetime) -> list[str]:
    """Hand everything that is due at `now` to the workers; the names of the jobs that were handed on.

    A job of the same name that already waits stands for this one: it looks at the rows when it starts.
    """
    due = {
        line: evaluations.due(now) is not None or bool(syncs.due(now)),
        run_programs: programs.due(now),
        look_at_seeds: seeds.due(now),
    }
    handed = [task for task, is_due in due.items() if is_due and _hand(task, now)]
    names = [task.name for task in handed]
    if delivery.due(now):
        delivery.hand_on()
        names.append("deliver")
    return names


def next_due(after: datetime) -> datetime | None:
    """The first moment later than `after` at which something will be due."""
    moments = (
        evaluations.next_due(after),
        syncs.next_due(after),
        programs.next_due(after),
        seeds.next_due(after),
    )
    return min((moment for moment in moments if moment), default=None)


def _hand(task: Task[..., object, ...], now: datetime) -> bool:
    try:
        task.defer(now=now.isoformat())
    except exceptions.AlreadyEnqueued:
        return False
    return True


@app.periodic(cron="* * * * *")
@app.task(name="tick", queueing_lock="tick", pass_context=False)
def tick(timestamp: int) -> None:
    """Every minute of the system's clock. A virtual clock is moved, and woken, by who moves it."""
    if clock.virtual is None:
        wake(clock.now())


@app.task(name="line", lock="line", queueing_lock="line")
def line(now: str) -> None:
    """Evaluate, then sync: in this order, one at a time, whatever else runs."""
    moment = datetime.fromisoformat(now)
    slot = evaluations.due(moment)
    if slot is not None:
        evaluations.evaluate(moment, slot=slot)
    for sync, sync_slot in syncs.due(moment):
        syncs.run(sync, moment, slot=sync_slot)


@app.task(name="programs", lock="programs", queueing_lock="programs")
def run_programs(now: str) -> None:
    """Enrol and move everybody who is due, then let the mail go."""
    moment = datetime.fromisoformat(now)
    programs.tick(moment)
    if delivery.due(moment):
        delivery.hand_on()


@app.task(name="seeds", lock="seeds", queueing_lock="seeds")
def look_at_seeds(now: str) -> None:
    """Place, collect, click and judge."""
    seeds.tick(datetime.fromisoformat(now))


def waiting() -> tuple[int, list[str]]:
    """How many jobs wait or run, and what failed: (count, ["task: attempts …"])."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select count(*) filter (where status in ('todo', 'doing')
                                        and coalesce(scheduled_at, now()) <= now()),
                      array_agg(task_name || ' (job ' || id || ')') filter (where status = 'failed')
               from procrastinate_jobs where status in ('todo', 'doing', 'failed')"""
        )
        count, failed = cursor.fetchone()
    return count, failed or []
