"""What is published of an audience: its size, its members, whether it is as new as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from usher.audiences.errors import NotEvaluatedError, StaleError
from usher.audiences.models import Audience, ComputedField, Evaluation, Snapshot
from usher.audiences.rulebook import titled
from usher.sources import sql
from usher.sources.open import Opened, open_tables

State = Evaluation.State


@dataclass(frozen=True)
class Member:
    """A customer in an audience; `email` as the source has it."""

    key: str
    email: str | None


@dataclass(frozen=True)
class Page:
    """Some members, and how many there are in all that fit the search."""

    members: Sequence[Member]
    total: int


def last_done() -> Evaluation | None:
    """The evaluation whose results are in use."""
    return Evaluation.objects.filter(state=State.DONE).order_by("-number").first()


def trouble() -> Evaluation | None:
    """The latest run, if it was refused or failed after the last good one: what is published is stale."""
    latest = Evaluation.objects.filter(number__isnull=False).order_by("-number").first()
    return latest if latest and latest.state != State.DONE else None


def snapshot(thing: Audience | ComputedField) -> Snapshot:
    """The published snapshot of an audience or field; NotEvaluatedError when there is none."""
    last = last_done()
    mine = thing.snapshots.select_related("evaluation").filter(evaluation=last).first() if last else None
    if mine is None:
        raise NotEvaluatedError(f"{titled(thing)} was not evaluated yet; run `usher audiences evaluate`")
    if not mine.path.exists():
        raise NotEvaluatedError(f"{titled(thing)}: its file {mine.path} is gone; evaluate again")
    return mine


def demand_fresh(thing: Audience) -> None:
    """StaleError when the last evaluation did not end well."""
    failed = trouble()
    if failed:
        raise StaleError(
            f"{titled(thing)}: the evaluation as of {failed.now:%Y-%m-%d %H:%M} {failed.state}:"
            f" {failed.error or 'it is still running'}"
        )


def members(audience: Audience) -> Path:
    """The Parquet file of the members: one column `key`, text, sorted."""
    return snapshot(audience).path


def page(audience: Audience, search: str = "", offset: int = 0, limit: int = 50) -> Page:
    """Members whose key is, or whose address contains, the search text; whole numbers in their order."""
    path = members(audience)
    with open_tables(again=False) as opened:
        email = f"c.{sql.name(opened.subject.email)}::VARCHAR"
        found = f"FROM read_parquet({sql.text(path)}) m LEFT JOIN {customers(opened)} ON c._key = m.key"
        values: list[object] = []
        if search.strip():
            found += f" WHERE m.key = ? OR contains(lower({email}), lower(?))"
            values = [search.strip()] * 2
        (total,) = sql.row(opened.duckdb, f"SELECT count(*) {found}", values)
        query = f"SELECT m.key, {email} {found} ORDER BY try_cast(m.key AS BIGINT), m.key LIMIT ? OFFSET ?"
        rows = opened.duckdb.execute(query, [*values, limit, offset]).fetchall()
    return Page([Member(key, address) for key, address in rows], total)


def customers(opened: Opened) -> str:
    """The table of customers as `c`, with its key as text in `_key`: for a FROM clause."""
    key, table = sql.name(opened.subject.key), sql.name(opened.subject.name)
    return f"(SELECT *, {key}::VARCHAR AS _key FROM {table}) c"


@dataclass(frozen=True)
class Night:
    """One published evaluation of an audience."""

    now: datetime
    size: int
    gained: int
    lost: int


def history(audience: Audience) -> list[Night]:
    """Every published evaluation of an audience, oldest first."""
    snapshots = audience.snapshots.select_related("evaluation").order_by("evaluation__number")
    return [Night(one.evaluation.now, one.size, one.gained, one.lost) for one in snapshots]
