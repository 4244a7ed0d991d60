"""One round of the monitor: place, collect, act, judge; and when the next one is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet

from usher.seeds import slots
from usher.seeds.act import act
from usher.seeds.collect import collect
from usher.seeds.judge import judge
from usher.seeds.models import Arrival, Expectation, Incident, Placement, SeedPlan
from usher.seeds.place import place, unplaced, zone


@dataclass(frozen=True)
class Round:
    """What one round did: seeds placed, mails recorded, links clicked, incidents opened or changed."""

    placed: int
    arrived: int
    clicked: int
    incidents: int


def tick(now: datetime) -> Round:
    """Do all that is due. To be run one at a time; what a crash left undone, the next round does."""
    return Round(placed=place(now), arrived=collect(now), clicked=act(now), incidents=judge(now))


def due(now: datetime) -> bool:
    """Whether anything waits to be placed, clicked, judged or looked for again."""
    return any(rows.filter(**{f"{column}__lte": now}).exists() for rows, column in _moments()) or any(
        unplaced(plan, now)[1] for plan in SeedPlan.objects.all()
    )


def next_due(after: datetime) -> datetime | None:
    """The first moment later than `after` at which something falls due; None if nothing ever will.

    What is overdue at `after` is not meant: `due` tells of it.
    """
    return min(_next(after), default=None)


def _next(after: datetime) -> Iterator[datetime]:
    for rows, column in _moments():
        first: datetime | None = rows.filter(**{f"{column}__gt": after}).aggregate(first=Min(column))["first"]
        if first:
            yield first
    for plan in SeedPlan.objects.filter(paths__removed_at=None).distinct():
        yield slots.following(plan.starts, plan.every_days, plan.at, after, zone())


def _moments() -> tuple[tuple[QuerySet[Any], str], ...]:
    """The columns that hold when a row wants attention next; null when it wants none."""
    return (
        (Placement.objects.all(), "next_try_at"),
        (Expectation.objects.all(), "judge_at"),
        (Arrival.objects.all(), "click_due_at"),
        (Incident.objects.all(), "look_again_at"),
    )
