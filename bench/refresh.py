"""Fifty rules evaluated and published after one more day of orders, beside a full evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from bench.ground import NOW, Figure, seconds
from bench.installed import installed
from bench.many_rules import RULES
from bench.shop import shop

DAYS = 3


def figures(root: Path) -> Iterator[Figure]:
    """Three nights: each refreshed, then looked at as a whole, which must find nothing that is different."""
    made = shop(root)
    with installed(made, RULES):
        _published(0)
        nights = []
        for day in range(1, DAYS + 1):
            made.add_a_day(day)
            nights.append((_published(day), _published(day, full=True)))
    made.forget_days()
    yield Figure(
        f"a refresh of {len(RULES)} rules after one more day of orders ({made.size})",
        min(refreshed for refreshed, _ in nights),
        "s",
        min(full for _, full in nights),
        "a full evaluation",
        "≤ 0.1 ×",
        False,
    )


def _published(day: int, *, full: bool = False) -> float:
    """Seconds for an evaluation as of a day after NOW; AssertionError when it is not as it should be."""
    from usher.audiences.evaluate import evaluate
    from usher.audiences.models import Evaluation

    now = NOW + timedelta(days=day)
    took = seconds(lambda: evaluate(now, full=full))
    run = Evaluation.objects.latest("pk")
    if run.state != Evaluation.State.DONE or run.failed:
        raise AssertionError(run.error)
    if full and sum(one.gained + one.lost for one in run.snapshots.all()):
        raise AssertionError("a full evaluation finds other members than the refresh before it")
    if day and not full and run.affected is None:
        raise AssertionError(f"a refresh looked at everybody: {run.full_because}")
    return took
