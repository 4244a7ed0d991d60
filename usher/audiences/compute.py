"""Work out every audience and field as of one moment, into files that nobody reads yet."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
from django.conf import settings
from django.db.models import Q

from usher import rules
from usher.audiences.models import Assignment, Audience, ComputedField, Evaluation, Snapshot
from usher.audiences.rulebook import Entry, Rulebook
from usher.sources import sql
from usher.sources.open import Opened

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: One change of membership; `cause` is rule, definition, gone (no longer a customer), user, import or api.
CHANGES = "audience BIGINT, name VARCHAR, kind VARCHAR, key VARCHAR, change VARCHAR, cause VARCHAR"

#: Tags put by hand, one row for the last word on each customer.
ASSIGNED = pa.schema(
    {
        "audience": pa.int64(),
        "key": pa.string(),
        "cause": pa.string(),
        "removed": pa.bool_(),
        "removed_cause": pa.string(),
    }
)

Membership = Literal["tag", "segment", "audience"]


@dataclass
class Computation:
    """One evaluation while it is worked out."""

    run: Evaluation
    opened: Opened
    book: Rulebook
    folder: Path
    previous: Mapping[str, Snapshot]
    #: (tag or audience, name) -> the view of its keys, in the type of the tables' keys.
    views: dict[tuple[Membership, str], str] = field(default_factory=dict)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        return self.opened.duckdb

    @property
    def key(self) -> str:
        return sql.name(self.opened.subject.key)

    def members(self, kind: Membership, name: str) -> ir.Table:
        return self.opened.connection.table(self.views[kind, name])


def compute(work: Computation) -> list[Snapshot]:
    """Write one Parquet file per audience and field, and `changes.parquet`; the snapshots are not saved."""
    work.folder.mkdir(parents=True)
    work.connection.execute(f"CREATE TABLE changes ({CHANGES})")
    _load_assignments(work)
    found = [_tag_by_hand(work, audience) for audience in work.book.by_hand]
    for number, level in enumerate(work.book.levels):
        found += _level(work, f"level_{number}", level)
    _write_changes(work)
    return found


def _load_assignments(work: Computation) -> None:
    """The last word on every tag put by hand, as of the evaluation's moment.

    What a definition says has no moment of its own: it holds for every evaluation, of the past too.
    """
    said = _as_of(work.run.now).filter(audience__in=work.book.by_hand)
    latest = said.order_by("audience_id", "key", "-at", "-pk").distinct("audience_id", "key")
    rows = latest.values_list("audience_id", "key", "cause", "removed_at", "removed_cause")
    given = [
        dict(zip(ASSIGNED.names, (tag, key, cause, _removed(at, by, work.run.now), by), strict=True))
        for tag, key, cause, at, by in rows.iterator()
    ]
    loaded = pa.Table.from_pylist(given, schema=ASSIGNED)
    work.connection.register("loaded", loaded)
    work.connection.execute("CREATE TABLE assigned AS FROM loaded")
    work.connection.unregister("loaded")


def _as_of(now: datetime) -> Any:
    return Assignment.objects.filter(Q(at__lte=now) | Q(cause=Assignment.Cause.DEFINITION))


def _removed(at: datetime | None, cause: str, now: datetime) -> bool:
    return at is not None and (at <= now or cause == Assignment.Cause.DEFINITION)


def _tag_by_hand(work: Computation, audience: Audience) -> Snapshot:
    subject = sql.name(work.opened.subject.name)
    having = f"SELECT key FROM assigned WHERE audience = {audience.pk} AND NOT removed"
    return _publishable(work, audience, f"FROM {subject} WHERE {work.key}::VARCHAR IN ({having})")


def _level(work: Computation, table: str, level: tuple[Entry, ...]) -> list[Snapshot]:
    """One shared selection for all rules of a level, and the files that come of it."""
    selected = rules.select(
        {entry.column: entry.node for entry in level},
        work.book.schema,
        work.opened.tables,
        now=work.run.now,
        zone=ZoneInfo(settings.TIME_ZONE),
        members=work.members,
    )
    work.connection.execute(f"CREATE TABLE {table} AS {work.opened.connection.compile(selected)}")
    return [_of_entry(work, table, entry) for entry in level]


def _of_entry(work: Computation, table: str, entry: Entry) -> Snapshot:
    column = sql.name(entry.column)
    if isinstance(entry.thing, ComputedField):
        query = (
            f"SELECT {work.key}::VARCHAR AS key, {column} AS value FROM {table} WHERE {column} IS NOT NULL"
        )
        return _write(work, query, f"{entry.column}.parquet", Snapshot(field=entry.thing, rule=entry.text))
    return _publishable(work, entry.thing, f"FROM {table} WHERE {column}")


def _publishable(work: Computation, audience: Audience, members: str) -> Snapshot:
    """The keys of an audience as a file, and what changed since the last published one."""
    view = f"members_{audience.pk}"
    work.connection.execute(f"CREATE VIEW {view} AS SELECT {work.key} {members}")
    work.views["tag" if audience.is_tag else "audience", audience.name] = view
    query = f"SELECT {work.key}::VARCHAR AS key FROM {view}"
    file = f"audience_{audience.pk}.parquet"
    made = _write(work, query, file, Snapshot(audience=audience, rule=audience.rule))
    began = time.perf_counter()
    before = work.previous.get(file)
    old = f"read_parquet({sql.text(before.path)})" if before else "(SELECT '' AS key LIMIT 0)"
    new = f"read_parquet({sql.text(work.folder / file)})"
    made.gained = _compare(work, audience, new, old, "gained", _gained(audience, before))
    made.lost = _compare(work, audience, old, new, "lost", _lost(work, audience, before))
    made.seconds += time.perf_counter() - began
    return made


def _write(work: Computation, query: str, file: str, snapshot: Snapshot) -> Snapshot:
    began = time.perf_counter()
    target = sql.text(work.folder / file)
    (snapshot.size,) = sql.row(work.connection, f"COPY ({query} ORDER BY key) TO {target} (FORMAT parquet)")
    snapshot.evaluation, snapshot.file = work.run, file
    snapshot.seconds = time.perf_counter() - began
    return snapshot


def _compare(work: Computation, audience: Audience, these: str, others: str, change: str, cause: str) -> int:
    """Note the keys that are in `these` and not in `others`; answers how many."""
    values = (
        f"{audience.pk}, {sql.text(audience.name)}, {sql.text(audience.kind)}, one.key, {sql.text(change)}"
    )
    differing = f"SELECT a.key FROM {these} AS a ANTI JOIN {others} AS b ON a.key = b.key"
    (count,) = sql.row(
        work.connection,
        f"INSERT INTO changes SELECT {values}, {cause} FROM ({differing}) one"
        f" LEFT JOIN assigned ON assigned.audience = {audience.pk} AND assigned.key = one.key",
    )
    return int(count)


def _gained(audience: Audience, before: Snapshot | None) -> str:
    return f"coalesce(assigned.cause, {sql.text(_by_rule(audience, before))})"


def _lost(work: Computation, audience: Audience, before: Snapshot | None) -> str:
    customers = f"(SELECT {work.key}::VARCHAR FROM {sql.name(work.opened.subject.name)})"
    by = f"coalesce(nullif(assigned.removed_cause, ''), {sql.text(_by_rule(audience, before))})"
    return f"CASE WHEN one.key IN {customers} THEN {by} ELSE 'gone' END"


def _by_rule(audience: Audience, before: Snapshot | None) -> str:
    """A rule that was rewritten since moves people by its definition, not by what they did."""
    return "rule" if before is None or before.rule == audience.rule else "definition"


def _write_changes(work: Computation) -> None:
    columns = f"*, {work.run.pk}::BIGINT AS evaluation"
    target = sql.text(work.folder / work.run.changes.name)
    query = f"SELECT {columns} FROM changes ORDER BY key, audience"
    work.connection.execute(f"COPY ({query}) TO {target} (FORMAT parquet)")
