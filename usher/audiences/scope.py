"""Whom a run has to look at: everybody, or the customers for whom something can have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.audiences import before as earlier
from usher.audiences import hand
from usher.audiences.before import Before
from usher.audiences.rulebook import Entry
from usher.audiences.work import Work
from usher.rules.moments import Side, date_bound
from usher.rules.moves import Moves, Span, moves
from usher.sources import sql
from usher.sources.changed import Seen

#: Above this share of the customers, looking at everybody is no more work.
MOST = 0.4


@dataclass(frozen=True)
class Scope:
    """`everybody`: the columns that have to be worked out for all, since their rule is not what it was."""

    everybody: frozenset[str]
    #: Why all columns are worked out for all; empty: only `affected` customers are looked at for the others.
    because: str = ""


def scope(work: Work, seen: Seen, because: str) -> Scope:
    """Decide, and make the tables `affected` (key, text, level) and `old` when not everybody is looked at."""
    entries = [entry for level in work.book.levels for entry in level]
    reason = because or _unlike_before(work) or seen.whole
    if reason or work.before is None:
        return Scope(frozenset(one.column for one in entries), reason)
    spans = {entry.column: _spans(work, work.before, entry) for entry in entries}
    known = [found for found in spans.values() if found is not None]
    _gather(work, [*seen.touched, *_passed(work, known)])
    customers, (count,) = _customers(work), sql.row(work.connection, "SELECT count(*) FROM affected")
    if count > MOST * customers:
        work.connection.execute("DROP TABLE affected")
        return Scope(frozenset(spans), f"{count:,} of {customers:,} customers can have changed")
    work.run.affected = count
    _draw_near(work)
    return Scope(frozenset(column for column, found in spans.items() if found is None))


def _customers(work: Work) -> int:
    return work.opened.opened[work.opened.subject.name].rows


def _unlike_before(work: Work) -> str:
    """Why nothing that was published before can be built on; empty when it can."""
    if work.before is None:
        return "nothing was published before, or its files are gone"
    if work.run.now < work.before.run.now:
        return "the evaluation before was as of a later moment"
    if work.opened.subject.name in work.opened.schema.lookups:
        return "links lead to customers"
    return earlier.other_shape(work.before.run.marks.get("shape", {}), work.run.marks["shape"])


def _spans(work: Work, before: Before, entry: Entry) -> Moves | None:
    """The rows by which time alone can change this; None when everybody has to be looked at."""
    last = before.good(entry.column)
    if last is None or last.error or last.rule != entry.text:
        return None
    if not before.same_names(entry, work.run.marks["names"]):
        return None
    zone = ZoneInfo(settings.TIME_ZONE)
    return moves(entry.node, work.book.schema, before.run.now, work.run.now, zone)


def _passed(work: Work, known: Iterable[Moves]) -> Iterator[str]:
    """The customers with rows in any of the spans."""
    for span in _joined(span for found in known for span in found):
        key = work.opened.opened[span.table].key
        bounds = " AND ".join(_bounds(work, span))
        yield f"SELECT {sql.name(key)} FROM {sql.name(span.table)} WHERE {bounds}"


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans that overlap or touch, as one."""
    last: Span | None = None
    for span in sorted(set(spans)):
        if last and (span.table, span.column) == (last.table, last.column) and span.after <= last.until:
            last = Span(last.table, last.column, last.after, max(last.until, span.until))
            continue
        if last:
            yield last
        last = span
    if last:
        yield last


def _bounds(work: Work, span: Span) -> Iterator[str]:
    """The two ends of a span as conditions on its column: dates as dates, so that statistics help."""
    column = sql.name(span.column)
    dated = work.opened.opened[span.table].kinds[span.column] == "DATE"
    zone = ZoneInfo(settings.TIME_ZONE)
    ends: tuple[tuple[Side, datetime], ...] = ((">", span.after), ("<=", span.until))
    for side, moment in ends:
        if not dated:
            yield f"{column} {side} {_instant(moment)}"
        elif bound := date_bound(side, moment, zone):
            yield f"{column} {bound[0]} DATE {sql.text(bound[1].isoformat())}"


def _instant(moment: datetime) -> str:
    return f"TIMESTAMPTZ {sql.text(moment.isoformat())}"


def _gather(work: Work, queries: list[str]) -> None:
    """All keys that the queries find, once; and those for whom what was put by hand is not what it was."""
    found = [*queries, *_by_hand(work), f"SELECT NULL::{work.key_type}"]
    keys = " UNION ALL ".join(f"(SELECT * FROM ({query}) AS q(key))" for query in found)
    work.connection.execute(
        f"CREATE TABLE affected AS SELECT DISTINCT key, key::VARCHAR AS text, 0 AS level FROM ({keys})"
        " WHERE key IS NOT NULL"
    )


def _by_hand(work: Work) -> Iterator[str]:
    tags = [one.pk for one in work.by_hand]
    if not tags or work.before is None:
        return
    any_of = " OR ".join(f"a_{one}" for one in tags)
    differing = " OR ".join(f"coalesce(o.a_{one}, false) <> coalesce(n.a_{one}, false)" for one in tags)
    old = f"(SELECT * FROM {work.before.state.rows(tags, {})} WHERE {any_of})"
    customers = f"SELECT {work.key}::VARCHAR FROM {work.subject}"
    yield (
        f"SELECT key::{work.key_type} FROM {old} o FULL JOIN {hand.pivot(tags)} n USING (key)"
        f" WHERE ({differing}) AND (o.key IS NOT NULL OR key IN ({customers}))"
    )


def _draw_near(work: Work) -> None:
    """What was published of the affected customers, and a view of their rows in every table."""
    assert work.before
    for name, one in work.opened.opened.items():
        key, table = sql.name(one.key), sql.name(name)
        work.connection.execute(
            f"CREATE VIEW {sql.name(f'near_{name}')} AS"
            f" SELECT * FROM {table} WHERE {key} IN (SELECT key FROM affected)"
        )
    rows = work.before.state.rows(work.audiences, work.fields, among="affected_text")
    work.connection.execute("CREATE VIEW affected_text AS SELECT text AS key FROM affected")
    work.connection.execute(f"CREATE TABLE old AS SELECT *, 0 AS level FROM {rows}")


def grow(work: Work, level: int, queries: list[str]) -> None:
    """Put further customers among the affected: those whose membership in an audience just changed."""
    assert work.before
    keys = " UNION ALL ".join(f"({query})" for query in queries)
    work.connection.execute(
        f"INSERT INTO affected SELECT DISTINCT key::{work.key_type}, key, {level} FROM ({keys})"
        " ANTI JOIN affected_text USING (key)"
    )
    work.connection.execute(
        f"CREATE OR REPLACE VIEW grown AS SELECT text AS key FROM affected WHERE level = {level}"
    )
    rows = work.before.state.rows(work.audiences, work.fields, among="grown")
    work.connection.execute(f"INSERT INTO old BY NAME SELECT *, {level} AS level FROM {rows}")
    work.level = level
