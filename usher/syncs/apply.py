"""Apply a planned run step by step; it can be killed at any instant and gone on with.

Each step is a row before its call. `in_doubt` is written just before the call and `sent`, with the platform's
id, just after; so after a crash `sent` is asked for by its id, and `in_doubt` means: nobody can know whether
the platform took it. It offers no list of imports to look in, and none is needed: imports are upserts of the
same file and removals name the same addresses, so sending them again leaves what sending them once leaves.
Nothing that fires join actions is sent from here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow.compute as pc
from django.db import transaction

from usher.destinations.base import Platform, Progress
from usher.lib.http import OutsideError
from usher.syncs import ledger
from usher.syncs.intend import payload, tidy
from usher.syncs.models import Run, Step
from usher.syncs.plan import import_rows

Sleep = Callable[[float], None]

#: Seconds: the first and the longest pause between two questions about a job, and how long we ask.
FIRST_PAUSE, LONGEST_PAUSE, PATIENCE = 0.2, 5.0, 3600.0
#: Times that a platform may say it does not know a job before it is believed.
UNKNOWNS = 3


def apply(run: Run, platform: Platform, *, now: datetime, sleep: Sleep = time.sleep) -> Run:
    """Do the steps that are not done yet; OutsideError leaves the rest for later."""
    started = time.monotonic()
    run.state, run.error, run.retry = Run.State.APPLYING, "", False
    run.save()
    for step in run.steps.exclude(state=Step.State.DONE):
        step.run = run
        EFFECTS[Step.Kind(step.kind)](step, platform, now, sleep)
    run.state = Run.State.DONE
    run.finished_at = now + timedelta(seconds=time.monotonic() - started)
    _count(run)
    run.save()
    tidy(run.sync)
    return run


def settle(step: Step, platform: Platform, *, now: datetime, sleep: Sleep) -> None:
    """Bring a step that the platform has taken to its end."""
    EFFECTS[Step.Kind(step.kind)](step, platform, now, sleep)


def _create_list(step: Step, platform: Platform, now: datetime, sleep: Sleep) -> None:
    sync = step.run.sync
    sync.list_id = platform.ensure_list(step.name)
    with transaction.atomic():
        sync.save(update_fields=["list_id"])
        _done(step, list_id=sync.list_id)


def _create_field(step: Step, platform: Platform, now: datetime, sleep: Sleep) -> None:
    sync, kind = step.run.sync, step.answer["type"]
    platform.ensure_field(step.name, kind)
    sync.fields_there = {**sync.fields_there, step.name.upper(): kind}
    with transaction.atomic():
        sync.save(update_fields=["fields_there"])
        _done(step)


def _remove(step: Step, platform: Platform, now: datetime, sleep: Sleep) -> None:
    sync, rows = step.run.sync, payload(step)
    if step.state != Step.State.SENT:
        _doubt(step)
        size = sync.ledger.filter(on_list=True).count()
        _sent(step, platform.remove(sync.list_id, rows["email"].to_pylist(), list_size=size) or "")
    if step.external_id:
        _finish(step, platform.removal_progress, sleep)
    with transaction.atomic():
        ledger.write_removals(step.run, rows.filter(rows["leaver"])["key"].to_pylist())
        _done(step)


def _import(step: Step, platform: Platform, now: datetime, sleep: Sleep) -> None:
    rows = payload(step)
    if step.state != Step.State.SENT:
        _doubt(step)
        _sent(step, platform.start_import(step.run.sync.list_id, import_rows(rows)))
    _finish(step, platform.import_progress, sleep)
    report = platform.import_report(step.external_id)
    with transaction.atomic():
        refused = ledger.write_import(step.run, rows, report.faults, now)
        _done(step, counters=dict(report.counters), refused=refused)


def _record(step: Step, platform: Platform, now: datetime, sleep: Sleep) -> None:
    rows = payload(step)
    gone = pc.is_null(rows["reason"])
    with transaction.atomic():
        ledger.write_removals(step.run, rows.filter(gone)["key"].to_pylist())
        ledger.write_refusals(step.run, rows.filter(pc.invert(gone)), now)
        _done(step)


EFFECTS: dict[Step.Kind, Callable[[Step, Platform, datetime, Sleep], None]] = {
    Step.Kind.CREATE_LIST: _create_list,
    Step.Kind.CREATE_FIELD: _create_field,
    Step.Kind.REMOVE: _remove,
    Step.Kind.IMPORT: _import,
    Step.Kind.RECORD: _record,
}


def _doubt(step: Step) -> None:
    if step.state == Step.State.IN_DOUBT:
        step.answer["sent_again"] = step.answer.get("sent_again", 0) + 1
    step.state, step.external_id = Step.State.IN_DOUBT, ""
    step.save(update_fields=["state", "external_id", "answer"])


def _sent(step: Step, external_id: str) -> None:
    step.state, step.external_id = Step.State.SENT, external_id
    step.save(update_fields=["state", "external_id"])


def _done(step: Step, **answer: object) -> None:
    step.state, step.answer = Step.State.DONE, {**step.answer, **answer}
    step.save(update_fields=["state", "answer"])


def _finish(step: Step, ask: Callable[[str], Progress], sleep: Sleep) -> None:
    """Ask for the step's job until it is done."""
    try:
        progress = wait_for(lambda: ask(step.external_id), sleep)
    except OutsideError as problem:
        if problem.status != 404:
            raise
        progress = Progress(
            "failed", f"the platform knows nothing of {step.kind} {step.external_id} any more"
        )
    if progress.state != "done":
        step.state, step.answer = Step.State.FAILED, {**step.answer, "said": progress.said}
        step.save(update_fields=["state", "answer"])
        raise OutsideError(progress.said, retry=False)


def wait_for(ask: Callable[[], Progress], sleep: Sleep) -> Progress:
    """The end of a job at the platform; OutsideError when it is still at work after an hour."""
    pause, waited, unknowns = FIRST_PAUSE, 0.0, 0
    while waited < PATIENCE:
        sleep(pause)
        progress = ask()
        unknowns += progress.state == "unknown"
        if progress.state in ("done", "failed") or unknowns >= UNKNOWNS:
            return progress
        waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)
    raise OutsideError(
        f"the platform is still at work after {PATIENCE / 60:.0f} minutes ({progress.said}); "
        "the next run asks again",
        retry=True,
    )


def _count(run: Run) -> None:
    """The run's numbers from its plan and from what its imports answered."""
    refused = [step.answer.get("refused", {}) for step in run.steps.filter(kind=Step.Kind.IMPORT)]
    adds = sum(it.get("add", 0) for it in refused)
    updates = sum(it.get("update", 0) for it in refused)
    run.added = run.planned["added"] - adds
    run.updated = run.planned["updated"] - updates
    run.refused = run.planned["refused"] + adds + updates
