"""What one customer gained and lost, when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import duckdb

from usher.audiences.models import Evaluation
from usher.sources import sql


@dataclass(frozen=True)
class Step:
    """A tag or list that a customer gained or lost.

    `cause`: rule (what the customer did), definition (the rule or tag was written so), user, import, api,
    expired, or gone (no longer among the customers).
    """

    at: datetime
    audience: int
    name: str
    kind: str
    change: Literal["gained", "lost"]
    cause: str


def changes_of(key: str) -> list[Step]:
    """Every change of one customer's tags and lists, oldest first."""
    runs = Evaluation.objects.filter(state=Evaluation.State.DONE, change_rows__gt=0).order_by("number")
    places = {run.pk: (place, run.now) for place, run in enumerate(runs)}
    files = [run.changes for run in runs if run.changes.exists()]
    if not files:
        return []
    columns = "evaluation, audience, name, kind, change, cause"
    with duckdb.connect() as connection:
        query = f"SELECT {columns} FROM read_parquet({sql.texts(files)}) WHERE key = ? ORDER BY ALL"
        rows = connection.execute(query, [key]).fetchall()
    rows.sort(key=lambda row: places[row[0]][0])
    return [Step(places[run][1], *rest) for run, *rest in rows]
