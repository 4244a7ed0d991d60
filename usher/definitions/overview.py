"""Every audience with its size, when it was last evaluated and synced, and whether it has had its day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from usher.audiences.models import Audience, Snapshot
from usher.definitions.uses import Use, uses
from usher.syncs.models import Run, Sync


@dataclass(frozen=True)
class Seen:
    """One audience as it stands. Figures and moments are empty for one that was never evaluated or synced."""

    audience: Audience
    size: int | None
    gained: int
    lost: int
    #: The moment that its members are of.
    evaluated: datetime | None
    #: Why the last evaluation left it as it was.
    error: str
    #: When a sync last took it, or this tag, to a platform.
    synced: datetime | None
    #: What keeps it alive although its last day has come.
    kept_by: tuple[Use, ...]


def overview(audiences: Iterable[Audience], now: datetime) -> list[Seen]:
    """The audiences, in their order; a handful of queries however many they are."""
    shown = list(audiences)
    last = _snapshots(shown)
    synced = _synced()
    return [_seen(one, last.get(one.pk), synced, now) for one in shown]


def _seen(
    one: Audience, last: Snapshot | None, synced: dict[tuple[str, str | int], datetime], now: datetime
) -> Seen:
    taken = [synced.get(("audience", one.pk)), synced.get(("tag", one.name)) if one.is_tag else None]
    overdue = one.expires_on is not None and one.expires_on <= now.date() and one.expired_at is None
    return Seen(
        audience=one,
        size=last.size if last else None,
        gained=last.gained if last else 0,
        lost=last.lost if last else 0,
        evaluated=last.as_of if last else None,
        error=last.error if last else "",
        synced=max(filter(None, taken), default=None),
        kept_by=tuple(uses(one)) if overdue else (),
    )


def _snapshots(audiences: list[Audience]) -> dict[int, Snapshot]:
    """The last published snapshot of each."""
    found = Snapshot.objects.filter(audience__in=audiences, evaluation__number__isnull=False)
    latest = found.select_related("evaluation").order_by("audience_id", "-evaluation__number")
    return {one.audience_id: one for one in latest.distinct("audience_id") if one.audience_id}


def _synced() -> dict[tuple[str, str | int], datetime]:
    """("audience", id) or ("tag", name) -> when it last reached a platform."""
    done = Run.objects.filter(state=Run.State.DONE).values_list("sync_id").annotate(Max("finished_at"))
    moments = {sync: at for sync, at in done if at}
    found: dict[tuple[str, str | int], datetime] = {}
    for sync in Sync.objects.filter(pk__in=moments):
        tags: list[tuple[str, str | int]] = [("tag", tag) for tag in sync.all_tags]
        for key in [("audience", sync.audience_id), *tags]:
            found[key] = max(moments[sync.pk], found.get(key, moments[sync.pk]))
    return found
