"""Syncs with their runs, what the ledger holds, and what one run's plan was made of."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.parquet as pq
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from usher.syncs.models import Pushed, Run, Step, Sync

#: Refused people that are shown on a page, and people of each step that are shown as a sample.
MOST, SAMPLE = 50, 10


#: Columns of payloads that only the program needs.
HIDDEN = ("hash", "fields", "old_email", "leaver", "off")


_NAMES = {
    "key": _("customer"),
    "email": _("address"),
    "action": _("what"),
    "changed": _("changed"),
    "reason": _("why"),
}


@dataclass(frozen=True)
class Sample:
    """The first people of one step, as they were planned; no rows when the payload is not kept any more."""

    step: Step
    columns: list[str]
    rows: list[list[object]]


@dataclass(frozen=True)
class Calls:
    """One kind of call: how often it was foreseen, and how often made."""

    kind: str
    foreseen: int
    made: int


def with_last_run() -> list[tuple[Sync, Run | None]]:
    """Every sync with its newest run, if it ever ran."""
    newest = Run.objects.filter(sync=OuterRef("pk")).order_by("-id").values("pk")[:1]
    syncs = list(Sync.objects.select_related("audience", "destination").annotate(newest=Subquery(newest)))
    runs = Run.objects.in_bulk([sync.newest for sync in syncs if sync.newest])
    return [(sync, runs.get(sync.newest)) for sync in syncs]


def refused(sync: Sync) -> QuerySet[Pushed]:
    return sync.ledger.filter(state=Pushed.State.REFUSED).order_by("-at", "id")[:MOST]


def refused_in(run: Run) -> QuerySet[Pushed]:
    return run.pushed.filter(state=Pushed.State.REFUSED).order_by("id")[:MOST]


def calls(run: Run) -> list[Calls]:
    kinds = sorted(run.calls_foreseen.keys() | run.calls_made.keys())
    return [Calls(kind, run.calls_foreseen.get(kind, 0), run.calls_made.get(kind, 0)) for kind in kinds]


def samples(run: Run) -> list[Sample]:
    """A look into each kind of payload."""
    first = {step.kind: step for step in reversed(run.steps.exclude(payload="").order_by("ordinal"))}
    return [_sample(step, run) for step in first.values()]


def _sample(step: Step, run: Run) -> Sample:
    path = run.folder / step.payload
    if not path.exists():
        return Sample(step, [], [])
    with pq.ParquetFile(path) as file:
        head = next(file.iter_batches(batch_size=SAMPLE), None)
    if head is None:
        return Sample(step, [], [])
    shown = [name for name in head.schema.names if name not in HIDDEN]
    rows = [[row[name] for name in shown] for row in head.to_pylist()]
    return Sample(step, [str(_NAMES.get(name) or name.removeprefix("field.")) for name in shown], rows)
