"""How long what evaluations wrote is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from usher.audiences import keeping
from usher.audiences.models import Evaluation, Snapshot
from usher.audiences.who import Who
from usher.sources import changed

#: The last base, and the one before, which somebody may be reading.
BASES = 2
#: So many evaluations back it is looked for what was not cleared away.
BACK = 100


def prune(run: Evaluation) -> None:
    """Drop what is of no more use after a run; and history that is older than USHER_HISTORY_DAYS, if set.

    Any past evaluation is still reached from a later base, by undoing the changes in between.
    """
    done = Evaluation.objects.filter(state=Evaluation.State.DONE)
    _drop_digests(done)
    done = done.defer("marks")
    bases = done.filter(base_rows__isnull=False).order_by("-number")
    kept = list(bases[:BASES])
    for old in bases[BASES : BASES + 3]:
        old.base.unlink(missing_ok=True)
    if len(kept) == BASES:
        for old in done.filter(number__lte=kept[-1].number).order_by("-number")[:BACK]:
            old.values.unlink(missing_ok=True)
        if settings.USHER_HISTORY_DAYS:
            limit = run.started_at - timedelta(days=settings.USHER_HISTORY_DAYS)
            _forget(done.filter(number__lt=kept[-1].number, started_at__lt=limit, chain__isnull=False))


def _drop_digests(done: QuerySet[Evaluation]) -> None:
    """Digests and kept answers that neither of the last two evaluations would be compared with."""
    latest = list(done.order_by("-number")[:10])
    kept = {path for one in latest[:2] for path in _files(one)}
    old: set[Path] = {path for one in latest[2:] for path in _files(one)}
    for path in old - kept:
        path.unlink(missing_ok=True)


def _files(run: Evaluation) -> set[Path]:
    """What the evaluation after it builds on, beside what is published."""
    who = Who.of(run.marks.get("who"))
    found = changed.files(run.marks.get("tables", {})) | keeping.files(run.marks.get("kept", {}))
    return found | set(who.ledger.files if who else ())


def _forget(old: QuerySet[Evaluation]) -> None:
    """Changes and sizes go; that there was an evaluation stays."""
    for one in old:
        for path in (one.changes, one.values, one.base):
            path.unlink(missing_ok=True)
    Snapshot.objects.filter(evaluation__in=old).delete()
    old.update(chain=None)
