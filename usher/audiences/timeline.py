"""What one customer gained and lost, when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb

from usher.audiences.errors import NotEvaluatedError
from usher.audiences.models import Evaluation
from usher.audiences.state import state_of
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
    runs = Evaluation.objects.filter(state=Evaluation.State.DONE, chain__isnull=False).order_by("number")
    places = {run.pk: (place, run.now) for place, run in enumerate(runs)}
    files = [run.changes for run in runs if run.change_rows and run.changes.exists()]
    columns = "evaluation, audience, name, kind, change, cause"
    rows: list[tuple[Any, ...]] = []
    with duckdb.connect() as connection:
        for run in runs:
            if run.marks.get("gains"):
                rows += _gained(connection, run, key)
        if files:
            query = f"SELECT {columns} FROM read_parquet({sql.texts(files)}) WHERE key = ?"
            rows += connection.execute(query, [key]).fetchall()
    rows.sort(key=lambda row: (places[row[0]][0], *row[1:]))
    return [Step(places[run][1], *rest) for run, *rest in rows]


def _gained(connection: duckdb.DuckDBPyConnection, run: Evaluation, key: str) -> list[tuple[Any, ...]]:
    """What a first evaluation put the customer in, which wrote no change for each member."""
    named: dict[int, list[str]] = {int(pk): name for pk, name in run.marks["gains"].items()}
    try:
        rows = state_of(run).rows(named, {})
    except NotEvaluatedError:
        return []
    columns = ", ".join(f"a_{one}" for one in named)
    found = connection.execute(f"SELECT {columns} FROM {rows} WHERE key = ?", [key]).fetchall()
    return [
        (run.pk, pk, *name, "gained", "rule")
        for row in found
        for (pk, name), inside in zip(named.items(), row, strict=True)
        if inside
    ]
