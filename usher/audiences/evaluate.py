"""Evaluate everything as of one moment and publish it in one step; a killed run can be repeated."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from django.db import connection, transaction
from django.db.models import Max

from usher.audiences import before, rulebook
from usher.audiences.compute import compute
from usher.audiences.errors import AudienceError
from usher.audiences.models import Evaluation, Snapshot
from usher.audiences.retention import prune
from usher.audiences.rulebook import Unfit, titled
from usher.audiences.work import Work
from usher.rules import RuleError
from usher.sources.errors import SourceError
from usher.sources.guard import guard, remember
from usher.sources.open import Opened, open_tables

log = logging.getLogger(__name__)

UNFORESEEN = (
    "something went wrong that was not foreseen ({kind}); what was published before stays. The log of the"
    " worker, or errors.log in the data directory for a command, has the whole of it"
)

#: The number of the PostgreSQL lock that lets one process at a time evaluate.
LOCK = 7_250_001

State = Evaluation.State


def evaluate(now: datetime, *, slot: datetime | None = None, full: bool = False) -> Evaluation:
    """Work out and publish all audiences and fields as of `now`, or as of `slot` when a schedule asks.

    Only customers are looked at for whom something can have changed since the last evaluation, unless `full`
    asks for everybody; the result is the same. A slot that is done is answered as it is. What cannot be
    evaluated keeps what it had, and says so; `failed` counts it. A run that could not be published ends as
    refused (the data) or failed, with what to do in `error`; what was published before stays. Waits for a
    running one.
    """
    with _alone():
        run = _begin(now, slot)
        if run.state != State.DONE:
            _run(run, full)
    return run


def overtaken(run: Evaluation) -> Evaluation | None:
    """What was published before this run and is as of a later moment; None when time went on as it should.

    Other processes may have evaluated while this one waited: only the order of publication tells.
    """
    if run.state != State.DONE:
        return None
    earlier = Evaluation.objects.filter(state=State.DONE, number__lt=run.number).order_by("-number").first()
    return earlier if earlier and earlier.now > run.now else None


def _run(run: Evaluation, full: bool) -> None:
    began = time.perf_counter()
    try:
        _work_out(run, "it was asked for" if full else "", began)
    except SourceError as problem:
        _end_without(run, State.REFUSED, str(problem), began)
    except (AudienceError, RuleError) as problem:
        _end_without(run, State.FAILED, str(problem), began)
    except Exception as problem:
        _end_without(run, State.FAILED, UNFORESEEN.format(kind=type(problem).__name__), began)
        raise
    prune(run)


def _work_out(run: Evaluation, because: str, began: float) -> None:
    """Evaluate and publish. Should a look at those concerned not work, everybody is looked at instead."""
    try:
        with open_tables() as opened:
            guard(opened, run.now)
            found = prepare(run, opened, because)
            run.seconds = time.perf_counter() - began
            publish(run, opened, found)
    except duckdb.Error as problem:
        if run.full_because:
            raise
        log.exception("%s: a look at those concerned failed; everybody is looked at", run)
        shutil.rmtree(_scratch(run), ignore_errors=True)
        run.affected = None
        _work_out(run, f"a look at those concerned failed ({str(problem).splitlines()[0]})", began)


def prepare(run: Evaluation, opened: Opened, because: str = "") -> list[Snapshot]:
    """Write the files of a run into a folder nobody reads yet; `because` asks for a look at everybody."""
    run.data_as_of = opened.data_as_of(run.now)
    work = Work(run, opened, rulebook.read(opened.schema), _scratch(run), before.published(), number=_next())
    found = compute(work, because)
    run.failed, run.error = len(work.unfit), _told(work.unfit)
    return found


def _told(unfit: list[Unfit]) -> str:
    """What could not be evaluated, for a person: the first by name, with its reason."""
    if not unfit:
        return ""
    more = f" (and {len(unfit) - 1} more)" if len(unfit) > 1 else ""
    return f"{titled(unfit[0].thing)} could not be evaluated: {unfit[0].reason}{more}"


def publish(run: Evaluation, opened: Opened, found: list[Snapshot]) -> None:
    """Put the files in place, then make them known in one transaction."""
    with ThreadPoolExecutor() as threads:
        list(threads.map(_sync, _scratch(run).iterdir()))
    _scratch(run).rename(run.folder)
    _sync(run.folder.parent)
    with transaction.atomic():
        Snapshot.objects.bulk_create(found)
        remember(opened)
        _end(run, State.DONE)


@contextmanager
def _alone() -> Iterator[None]:
    """One evaluation at a time; the lock goes with the connection, so a killed process holds nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _begin(now: datetime, slot: datetime | None) -> Evaluation:
    """The row of this run, which stands before anything is written; leftovers of others are cleared."""
    moment = slot or now
    start = {
        "now": moment,
        "started_at": now,
        "state": State.RUNNING,
        "error": "",
        "failed": 0,
        "affected": None,
        "full_because": "",
    }
    if slot is None:
        run = Evaluation.objects.create(**start)
    else:
        run, created = Evaluation.objects.get_or_create(slot=slot, defaults=start)
        if not created and run.state != State.DONE:
            Evaluation.objects.filter(pk=run.pk).update(**start)
            run.refresh_from_db()
    _clear_leftovers(run)
    return run


def _clear_leftovers(run: Evaluation) -> None:
    """What killed runs left behind: folders without a done evaluation, rows that still say running."""
    lost = Evaluation.objects.filter(state=State.RUNNING).exclude(pk=run.pk)
    for one in lost:
        _end_without(one, State.FAILED, "the process ended before the run did", time.perf_counter())
    done = set(Evaluation.objects.filter(state=State.DONE).values_list("pk", flat=True))
    root = run.folder.parent
    root.mkdir(parents=True, exist_ok=True)
    for folder in root.iterdir():
        if not (folder.name.isdigit() and int(folder.name) in done):
            shutil.rmtree(folder)


def _scratch(run: Evaluation) -> Path:
    return run.folder.with_suffix(".partial")


def _sync(path: Path) -> None:
    """To the disk, so that a row never speaks of a file that a power cut took."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _end_without(run: Evaluation, state: Evaluation.State, error: str, began: float) -> None:
    run.error, run.seconds = error, time.perf_counter() - began
    shutil.rmtree(_scratch(run), ignore_errors=True)
    _end(run, state)


def _end(run: Evaluation, state: Evaluation.State) -> None:
    run.state = state
    run.finished_at = run.started_at + timedelta(seconds=run.seconds or 0)
    run.number = _next()
    run.save()


def _next() -> int:
    last: int | None = Evaluation.objects.aggregate(last=Max("number"))["last"]
    return (last or 0) + 1
