"""Frozen lists: the members that an audience had at one evaluation, kept for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import duckdb
from django.db import transaction

from usher.audiences import published, tagging
from usher.audiences.models import Audience
from usher.audiences.naming import demand_free_name
from usher.audiences.rulebook import titled

_BATCH = 50_000


def freeze(
    audience: Audience,
    name: str,
    *,
    by: str,
    at: datetime,
    cause: str = "user",
    description: str = "",
    owner: str = "",
    folder: str = "",
) -> Audience:
    """Make the frozen list `name` of the members as last published; AudienceError, NotEvaluatedError."""
    taken = published.snapshot(audience).evaluation.now
    with transaction.atomic():
        demand_free_name(Audience.Kind.FROZEN_LIST, name)
        made = Audience.objects.create(
            name=name,
            kind=Audience.Kind.FROZEN_LIST,
            description=description,
            owner=owner,
            folder=folder,
            frozen_from=titled(audience),
            frozen_at=taken,
        )
        keys = published_keys(audience)
        tagging.fill(made, keys, by=by, at=at, cause=cause, origin=titled(audience))
    return made


def published_keys(audience: Audience) -> Iterator[str]:
    """The members as last published, in order of their keys."""
    members = published.members_sql(audience)
    with duckdb.connect() as connection:
        answer = connection.execute(f"SELECT key FROM {members} ORDER BY key")
        while rows := answer.fetchmany(_BATCH):
            yield from (row[0] for row in rows)
