"""Audiences with what was last published of them, their rule in words, and who builds on them."""

from __future__ import annotations

from calendar import timegm
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format

from usher.audiences.models import Audience, Evaluation, Snapshot
from usher.audiences.published import Night
from usher.sources.models import Table
from usher.syncs.models import Sync


def with_snapshots() -> list[tuple[Audience, Snapshot | None]]:
    newest = _published().filter(audience=OuterRef("pk")).values("pk")[:1]
    rows = list(Audience.objects.select_related("group").annotate(newest=Subquery(newest)))
    snapshots = Snapshot.objects.select_related("evaluation").in_bulk(
        [row.newest for row in rows if row.newest]
    )
    return [(row, snapshots.get(row.newest)) for row in rows]


def _published() -> QuerySet[Snapshot]:
    """Snapshots of published evaluations, the newest first."""
    return Snapshot.objects.filter(evaluation__state=Evaluation.State.DONE).order_by("-evaluation__number")


def snapshot_of(audience: Audience) -> Snapshot | None:
    return _published().filter(audience=audience).select_related("evaluation").first()


def chart(history: list[Night]) -> dict[str, list[Any]]:
    """x: the moment as it stands on the organisation's wall (seconds, read as UTC); y: members."""
    nights = [(timezone.localtime(night.now), night.size) for night in history]
    return {
        "x": [timegm(now.timetuple()) for now, _ in nights],
        "y": [size for _, size in nights],
        "shown": [date_format(now, "j M Y") for now, _ in nights],
    }


def customers() -> int | None:
    """Rows of the customers' table when it was last read."""
    return Table.objects.filter(subject=True).values_list("rows", flat=True).first()


@dataclass(frozen=True)
class Users:
    """What builds on an audience."""

    syncs: list[Sync]
    tagged: list[Sync]


def users(audience: Audience) -> Users:
    syncs = list(Sync.objects.filter(audience=audience))
    tagged = list(Sync.objects.filter(tags__contains=[audience.name])) if audience.is_tag else []
    return Users(syncs, tagged)
