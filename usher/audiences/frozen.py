"""Frozen lists: the members that an audience had at one evaluation, kept for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import duckdb
from django.db import transaction

from usher.audiences import published, tagging
from usher.audiences.models import Audience, Evaluation
from usher.audiences.naming import clean_folder, demand_free_name
from usher.audiences.rulebook import titled

_BATCH = 50_000


def freeze(
    audience: Audience,
    name: str,
    *,
    as_of: datetime | None = None,
    by: str,
    at: datetime,
    cause: str = "user",
    description: str = "",
    owner: str = "",
    folder: str = "",
) -> Audience:
    """Make the frozen list `name` of the members as last published, or of the last evaluation at `as_of`.

    AudienceError for a name that cannot be used, NotEvaluatedError where nothing was published.
    """
    evaluation = published.evaluation_as_of(as_of) if as_of else None
    taken = published.snapshot(audience, evaluation).as_of
    with transaction.atomic():
        demand_free_name(Audience.Kind.FROZEN_LIST, name)
        made = Audience.objects.create(
            name=name,
            kind=Audience.Kind.FROZEN_LIST,
            description=description,
            owner=owner,
            folder=clean_folder(folder),
            frozen_from=titled(audience),
            frozen_at=taken,
        )
        keys = published_keys(audience, evaluation)
        tagging.fill(made, keys, by=by, at=at, cause=cause, origin=titled(audience))
    return made


def published_keys(audience: Audience, evaluation: Evaluation | None = None) -> Iterator[str]:
    """The members as last published (or by a past evaluation), in order of their keys; NotEvaluatedError."""
    return _read(published.members_sql(audience, evaluation))


def _read(members: str) -> Iterator[str]:
    with duckdb.connect() as connection:
        answer = connection.execute(f"SELECT key FROM {members} ORDER BY key")
        while rows := answer.fetchmany(_BATCH):
            yield from (row[0] for row in rows)
