"""Evaluate everything as of one moment and publish it in one step; a killed run can be repeated."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Max

from usher.audiences import rulebook
from usher.audiences.compute import Computation, compute
from usher.audiences.errors import AudienceError
from usher.audiences.models import Evaluation, Snapshot
from usher.rules import RuleError
from usher.sources.errors import SourceError
from usher.sources.guard import guard, remember
from usher.sources.open import Opened, open_tables

#: The number of the PostgreSQL lock that lets one process at a time evaluate.
LOCK = 7_250_001
#: Members and values of so many published evaluations are kept; their changes are kept for ever.
KEPT = 7

State = Evaluation.State


def evaluate(now: datetime, *, slot: datetime | None = None) -> Evaluation:
    """Work out and publish all audiences and fields as of `now`, or as of `slot` when a schedule asks.

    A slot that is done is answered as it is. A run that could not be published ends as refused (the data) or
    failed (a rule), with what to do in `error`; what was published before stays. Waits for a running one.
    """
    with _alone():
        run = _begin(now, slot)
        if run.state != State.DONE:
            _run(run)
    return run


def _run(run: Evaluation) -> None:
    began = time.perf_counter()
    try:
        with open_tables() as opened:
            guard(opened, run.now)
            found = prepare(run, opened)
            run.seconds = time.perf_counter() - began
            publish(run, opened, found)
    except SourceError as problem:
        _end_without(run, State.REFUSED, str(problem), began)
    except (AudienceError, RuleError) as problem:
        _end_without(run, State.FAILED, str(problem), began)
    except Exception as problem:
        _end_without(run, State.FAILED, f"not foreseen: {type(problem).__name__}: {problem}", began)
        raise
    prune()


def prepare(run: Evaluation, opened: Opened) -> list[Snapshot]:
    """Write the files of a run into a folder that nobody reads yet."""
    book = rulebook.read(opened.schema)
    scratch = _scratch(run)
    run.data_as_of = opened.data_as_of(run.now)
    return compute(Computation(run, opened, book, scratch, _published()))


def publish(run: Evaluation, opened: Opened, found: list[Snapshot]) -> None:
    """Put the files in place, then make them known in one transaction."""
    for path in _scratch(run).iterdir():
        _sync(path)
    _scratch(run).rename(run.folder)
    _sync(run.folder.parent)
    with transaction.atomic():
        Snapshot.objects.bulk_create(found)
        remember(opened)
        _end(run, State.DONE)


def prune() -> None:
    """Drop the members and values of old evaluations; sizes, changes and rows stay."""
    done = Evaluation.objects.filter(state=State.DONE).order_by("-number")
    for run in done[KEPT : 2 * KEPT]:
        for path in run.folder.glob("*.parquet"):
            if path != run.changes:
                path.unlink(missing_ok=True)


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
    start = {"now": moment, "started_at": now, "state": State.RUNNING, "error": ""}
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


def _published() -> dict[str, Snapshot]:
    """File name -> the last published snapshot, where its file is still there."""
    last = Evaluation.objects.filter(state=State.DONE).order_by("-number").first()
    snapshots = last.snapshots.select_related("evaluation") if last else []
    return {one.file: one for one in snapshots if one.path.exists()}


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
    run.number = (Evaluation.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    run.save()
