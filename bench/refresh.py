"""Fifty rules evaluated and published after each of several days of orders, beside full evaluations."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.ground import NOW, Figure, seconds
from bench.installed import installed
from bench.many_rules import RULES
from bench.shop import shop

NIGHTS = 8
#: After these nights everybody is looked at as well, which must find nothing that is different.
FULL = (1, 4, 8)


@dataclass(frozen=True)
class Night:
    """What one evaluation took: by the clock, and of all processors together."""

    wall: float
    cpu: float


def figures(root: Path) -> Iterator[Figure]:
    """Eight nights, each refreshed from the one before: a look at everybody in between is forgotten again."""
    made = shop(root)
    refreshed, full = [], []
    with installed(made, RULES):
        _published(0)
        for day in range(1, NIGHTS + 1):
            made.add_a_day(day)
            refreshed.append(_published(day))
            if day in FULL:
                full.append(_published(day, full=True))
    made.forget_days()
    middle, limit = (statistics.median(one.wall for one in some) for some in (refreshed, full))
    work, all_work = (statistics.median(one.cpu for one in some) for some in (refreshed, full))
    yield Figure(
        f"a refresh of {len(RULES)} rules after one more day of orders ({made.size}; the median of {NIGHTS}"
        f" nights, the longest {max(one.wall for one in refreshed):.1f} s; {work:.1f} s of processors, a full"
        f" evaluation {all_work:.1f} s)",
        middle,
        "s",
        limit,
        "a full evaluation",
        "≤ 0.1 ×",
        False,
    )


def _published(day: int, *, full: bool = False) -> Night:
    """An evaluation as of a day after NOW; AssertionError when it is not as it should be."""
    from usher.audiences.evaluate import evaluate
    from usher.audiences.models import Evaluation

    now = NOW + timedelta(days=day)
    before = _processors()
    took = Night(seconds(lambda: evaluate(now, full=full)), _processors() - before)
    run = Evaluation.objects.latest("pk")
    if run.state != Evaluation.State.DONE or run.failed:
        raise AssertionError(run.error)
    if full and any(one.gained or one.lost for one in run.snapshots.all()):
        raise AssertionError("a full evaluation finds other members than the refresh before it")
    if day and not full and run.affected is None:
        raise AssertionError(f"a refresh looked at everybody: {run.full_because}")
    if full:
        run.delete()
    return took


def _processors() -> float:
    """Seconds that this process has used of all processors."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
