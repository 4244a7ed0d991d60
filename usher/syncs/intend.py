"""Write a plan down as steps with their payloads, before anything is sent."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db import transaction

from usher.lib.http import OutsideError
from usher.syncs.models import Run, Step, Sync
from usher.syncs.plan import Plan

#: Runs of a sync whose payloads are kept for looking at.
KEPT = 30


def intend(run: Run, plan: Plan, remove_rows: int) -> None:
    """Make the plan's steps the run's own.

    Removals come before imports: as long as the new address of a person is not in the ledger, the old one is,
    so a run that ends between the two is put right by the next plan.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    steps = [*_makings(plan), *_removals(run, plan, remove_rows), *_imports(run, plan), *_record(run, plan)]
    for ordinal, step in enumerate(steps, start=1):
        step.run, step.ordinal = run, ordinal
    with transaction.atomic():
        run.steps.all().delete()
        Step.objects.bulk_create(steps)
        run.save()


def payload(step: Step) -> pa.Table:
    """The rows of a step, exactly as they were planned."""
    path = step.run.folder / step.payload
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise OutsideError(
            f"the payload {path} cannot be read ({problem}); plan the sync again", retry=False
        ) from None
    if hashlib.sha256(content).hexdigest() != step.payload_hash:
        raise OutsideError(
            f"the payload {path} was changed after it was planned; plan the sync again", retry=False
        )
    return pq.read_table(pa.BufferReader(content))


def tidy(sync: Sync) -> None:
    """Remove the payloads of all but the newest runs: they hold personal data."""
    for run in sync.runs.order_by("-id")[KEPT : 2 * KEPT]:
        shutil.rmtree(run.folder, ignore_errors=True)


def _makings(plan: Plan) -> Iterator[Step]:
    if plan.create_list:
        yield Step(kind=Step.Kind.CREATE_LIST, name=plan.list_name)
    for name, kind in plan.create_fields.items():
        yield Step(kind=Step.Kind.CREATE_FIELD, name=name, answer={"type": kind})


def _removals(run: Run, plan: Plan, most: int) -> Iterator[Step]:
    off = plan.removals.filter(plan.removals["off"])
    for number, start in enumerate(range(0, off.num_rows, most), start=1):
        yield _with_payload(run, Step.Kind.REMOVE, f"remove-{number}.parquet", off.slice(start, most))


def _imports(run: Run, plan: Plan) -> Iterator[Step]:
    for number, part in enumerate(plan.imports, start=1):
        yield _with_payload(run, Step.Kind.IMPORT, f"import-{number}.parquet", part)


def _record(run: Run, plan: Plan) -> Iterator[Step]:
    """Refusals that are news, and (with no reason) people to strike without a call."""
    news = plan.refusals.filter(plan.refusals["news"]).select(["key", "email", "reason"])
    silent = plan.removals.filter(pc.and_(pc.invert(plan.removals["off"]), plan.removals["leaver"]))
    gone = pa.concat_tables([silent.select(["key"]), plan.forgotten])
    rows = pa.concat_tables([news, gone], promote_options="default")
    if rows.num_rows:
        yield _with_payload(run, Step.Kind.RECORD, "record.parquet", rows)


def _with_payload(run: Run, kind: Step.Kind, name: str, rows: pa.Table) -> Step:
    path = run.folder / name
    scratch = path.with_suffix(".tmp")
    pq.write_table(rows, scratch)
    digest = hashlib.sha256(scratch.read_bytes()).hexdigest()
    scratch.replace(path)
    return Step(kind=kind, payload=name, payload_hash=digest, rows=rows.num_rows)
