"""What is published of an audience: its size, its members, whether it is as new as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.audiences.errors import NotEvaluatedError, StaleError
from usher.audiences.models import Audience, ComputedField, Evaluation, Snapshot
from usher.audiences.rulebook import titled
from usher.audiences.state import state_of
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


def snapshot(thing: Audience | ComputedField, evaluation: Evaluation | None = None) -> Snapshot:
    """What an evaluation published of an audience or field: the last one, where none is named.

    NotEvaluatedError when there is nothing. `error` is set on what could not be evaluated and is older.
    """
    run = evaluation or last_done()
    mine = thing.snapshots.select_related("evaluation").filter(evaluation=run).first() if run else None
    if mine is None:
        raise NotEvaluatedError(f"{titled(thing)} was not evaluated yet; run `usher audiences evaluate`")
    if mine.as_of is None:
        raise NotEvaluatedError(f"{titled(thing)} could not be evaluated yet: {mine.error}")
    return mine


def demand_fresh(thing: Audience) -> None:
    """StaleError when the last evaluation did not end well, or could not evaluate this."""
    failed = trouble()
    if failed:
        raise StaleError(
            f"{titled(thing)}: the evaluation as of {_when(failed.now)} {failed.state}:"
            f" {failed.error or 'it is still running'}"
        )
    last = last_done()
    stale = thing.snapshots.filter(evaluation=last).exclude(error="").first() if last else None
    if stale:
        was = f"what is published is as of {_when(stale.as_of)}" if stale.as_of else "it never was"
        raise StaleError(f"{titled(thing)} could not be evaluated ({stale.error}); {was}")


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(settings.TIME_ZONE)):%Y-%m-%d %H:%M}"


def members_sql(audience: Audience, evaluation: Evaluation | None = None) -> str:
    """A subquery for DuckDB with the keys of the members, as text, in the one column `key`; in no order.

    Of the last evaluation, or of a past one. NotEvaluatedError when there is none, or its files are gone.
    """
    mine = snapshot(audience, evaluation)
    return state_of(mine.evaluation).members(audience.pk)


def values_sql(field: ComputedField) -> str:
    """A subquery for DuckDB with `key` and `value` of all who have a value of the field; in no order."""
    mine = snapshot(field)
    return state_of(mine.evaluation).field(field.pk, mine.type)


def members_as_of(audience: Audience, moment: datetime) -> str:
    """As `members_sql`, of the last evaluation that was as of this moment or an earlier one."""
    return members_sql(audience, evaluation_as_of(moment))


def evaluation_as_of(moment: datetime) -> Evaluation:
    """The last published evaluation as of this moment or an earlier one; NotEvaluatedError without any."""
    done = Evaluation.objects.filter(state=State.DONE, now__lte=moment, chain__isnull=False)
    found = done.order_by("-number").first()
    if found is None:
        raise NotEvaluatedError(f"nothing that is still known was evaluated as of {_when(moment)}")
    return found


def page(
    audience: Audience,
    search: str = "",
    offset: int = 0,
    limit: int = 50,
    evaluation: Evaluation | None = None,
) -> Page:
    """Members whose key is, or whose address contains, the search text; whole numbers in their order.

    Of the last evaluation, or of a past one; who is no longer a customer has no address.
    """
    keys = members_sql(audience, evaluation)
    with open_tables(again=False) as opened:
        email = f"c.{sql.name(opened.subject.email)}::VARCHAR"
        found = f"FROM {keys} m LEFT JOIN {customers(opened)} ON c._key = m.key"
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
    """One published evaluation of an audience; `error` says why it could not be evaluated, and stayed."""

    now: datetime
    size: int
    gained: int
    lost: int
    error: str = ""


def history(audience: Audience) -> list[Night]:
    """Every published evaluation of an audience, oldest first."""
    snapshots = audience.snapshots.select_related("evaluation").order_by("evaluation__number")
    return [
        Night(one.evaluation.now, one.size, one.gained, one.lost, one.error)
        for one in snapshots.filter(as_of__isnull=False)
    ]
