"""Put tags on customers by hand, and take them off."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from usher.audiences.errors import AudienceError
from usher.audiences.models import Assignment, Audience
from usher.audiences.rulebook import titled

BATCH = 5_000


def tag(audience: Audience, keys: Iterable[str], *, by: str, at: datetime, cause: str) -> int:
    """Put a tag on these customers; who has it keeps it as it is. Answers how many were newly tagged."""
    _demand_by_hand(audience)
    wanted = set(keys)
    with transaction.atomic():
        having = set(current(audience))
        rows = [
            Assignment(audience=audience, key=key, cause=cause, by=by, at=at)
            for key in sorted(wanted - having)
        ]
        Assignment.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    return len(rows)


def untag(audience: Audience, keys: Iterable[str], *, by: str, at: datetime, cause: str) -> int:
    """Take a tag off these customers; answers how many had it."""
    _demand_by_hand(audience)
    having = audience.assignments.filter(removed_at=None, key__in=list(keys))
    return having.update(removed_at=at, removed_by=by, removed_cause=cause)


def current(audience: Audience) -> list[str]:
    """The keys that carry a tag put by hand at present, sorted."""
    assigned = audience.assignments.filter(removed_at=None)
    return list(assigned.order_by("key").values_list("key", flat=True))


def _demand_by_hand(audience: Audience) -> None:
    if audience.kind != Audience.Kind.TAG:
        raise AudienceError(f"{titled(audience)} is kept by its rule; only a plain tag can be put by hand")
