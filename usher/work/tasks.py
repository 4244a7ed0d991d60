"""The jobs that keep the line moving: the minute's tick looks what is due and hands it to a worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

from django.db import connection
from procrastinate import exceptions
from procrastinate.contrib.django import app

from usher.audiences import due as evaluations
from usher.audiences.evaluate import evaluate
from usher.definitions.expiry import settle
from usher.engage.campaigns import send as sends
from usher.engage.campaigns.tasks import run_sends
from usher.engage.deliver import tasks as delivery
from usher.engage.happenings import tasks as happenings
from usher.engage.programs import runner as programs
from usher.engage.texts import tasks as texts
from usher.lib import clock
from usher.seeds import round as seeds
from usher.syncs import run as syncs


def wake(now: datetime) -> list[str]:
    """Hand everything that is due at `now` to the workers; the names of what is due.

    A job of the same name that already waits stands for this one: it looks at the rows when it starts.
    """
    moment = now.isoformat()
    jobs: list[tuple[str, bool, Callable[[], object]]] = [
        ("line", _line_is_due(now), lambda: line.defer(now=moment)),
        ("programs", programs.due(now), lambda: run_programs.defer(now=moment)),
        ("sends", sends.due(now), run_sends.defer),
        ("mail", delivery.due(now), delivery.hand_on),
        ("texts", texts.due(now), texts.hand_on),
        ("webhooks", happenings.due(now), happenings.hand_on),
        ("seeds", seeds.due(now), lambda: look_at_seeds.defer(now=moment)),
    ]
    due = [(name, defer) for name, is_due, defer in jobs if is_due]
    for _, defer in due:
        _hand_on(defer)
    return [name for name, _ in due]


def next_due(after: datetime) -> datetime | None:
    """The first moment later than `after` at which something will be due."""
    moments = (
        evaluations.next_due(after),
        syncs.next_due(after),
        programs.next_due(after),
        sends.next_due(after),
        seeds.next_due(after),
    )
    return min((moment for moment in moments if moment), default=None)


def _line_is_due(now: datetime) -> bool:
    return evaluations.due(now) is not None or bool(syncs.due(now))


def _hand_on(defer: Callable[[], object]) -> None:
    with contextlib.suppress(exceptions.AlreadyEnqueued):
        defer()


@app.periodic(cron="* * * * *")
@app.task(name="tick", queueing_lock="tick")
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
        settle(moment)
        evaluate(moment, slot=slot)
    for sync, sync_slot in syncs.due(moment):
        with contextlib.suppress(syncs.BusyError):  # somebody runs it by hand: the next tick looks again
            syncs.run(sync, moment, slot=sync_slot)


@app.task(name="audiences.evaluate_now", queueing_lock="audiences.evaluate_now", lock="line")
def evaluate_now() -> int:
    """Evaluate everything as of this moment, because somebody asked; answers the evaluation's id."""
    now = clock.now()
    settle(now)
    return evaluate(now).pk


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
    """How many jobs wait or run now, and which ones failed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select count(*) filter (where status in ('todo', 'doing')
                                        and coalesce(scheduled_at, now()) <= now()),
                      array_agg(task_name || ' (job ' || id || ')') filter (where status = 'failed')
               from procrastinate_jobs
               where status in ('todo', 'doing', 'failed') and task_name <> 'tick'"""
        )
        count, failed = cursor.fetchone()
    return count, failed or []
