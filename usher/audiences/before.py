"""What was published before a run, and what the run can build on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from django.conf import settings

from usher.audiences.errors import NotEvaluatedError
from usher.audiences.models import Audience, Evaluation, Snapshot
from usher.audiences.rulebook import Entry, name_of
from usher.audiences.state import State, state_of
from usher.sources.changed import Mark
from usher.sources.open import Opened

#: What of a table's definition decides how its rows are read.
_DEFINED = (
    "source_id",
    "location",
    "key",
    "own_key",
    "at",
    "updated",
    "append_only",
    "lookup",
    "links",
    "same_key",
    "same_email",
)


@dataclass(frozen=True)
class Before:
    """The evaluation that was published last, with its files."""

    run: Evaluation
    state: State
    #: Column of the base -> what was published of it.
    snapshots: Mapping[str, Snapshot]

    @property
    def marks(self) -> Mapping[str, Mark]:
        marks: Mapping[str, Mark] = self.run.marks.get("tables", {})
        return marks

    def good(self, column: str) -> Snapshot | None:
        """The snapshot of a column that holds something: one that was evaluated at least once."""
        found = self.snapshots.get(column)
        return found if found and found.as_of else None

    def same_names(self, entry: Entry, names: Mapping[str, int]) -> bool:
        """Whether what a rule calls by name are the audiences that they were."""
        then: Mapping[str, int] = self.run.marks.get("names", {})
        return all(then.get(" ".join(name)) == names.get(" ".join(name)) for name in entry.needs)


def published() -> Before | None:
    """None when nothing was published before, or its files are gone."""
    last = Evaluation.objects.filter(state=Evaluation.State.DONE).order_by("-number").first()
    if last is None:
        return None
    try:
        state = state_of(last)
    except NotEvaluatedError:
        return None
    return Before(last, state, {one.column: one for one in last.snapshots.all()})


def names() -> dict[str, int]:
    """How rules call each audience -> its id."""
    return {" ".join(name_of(one)): one.pk for one in Audience.objects.all()}


def shape(opened: Opened) -> dict[str, Any]:
    """What has to be as it was, for anything that was worked out before to be of use."""
    tables = {
        name: {
            "columns": dict(one.kinds),
            "keys": dict(one.key_types),
            **{field: getattr(one.table, field) for field in _DEFINED},
        }
        for name, one in opened.opened.items()
    }
    software = {name: version(name) for name in ("usher-engage", "duckdb", "ibis-framework")}
    return {"zone": settings.TIME_ZONE, "software": software, "tables": tables}


def other_shape(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is not as it was, in words; empty when all is."""
    if before.get("zone") != now["zone"]:
        return "the time zone was changed"
    if before.get("software") != now["software"]:
        return "the software was changed"
    then, tables = before.get("tables", {}), now["tables"]
    differing = sorted(name for name in {*then, *tables} if then.get(name) != tables.get(name))
    return f"columns or definitions were changed: {', '.join(differing)}" if differing else ""
