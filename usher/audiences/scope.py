"""Whom a run has to look at: everybody, or the customers for whom something can have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from usher import rules
from usher.audiences import before as earlier
from usher.audiences import hand
from usher.audiences.before import Before
from usher.audiences.rulebook import Entry
from usher.audiences.work import Work
from usher.rules import nodes
from usher.rules.moments import Side, date_bound
from usher.rules.moves import Moves, Span, moves
from usher.sources import sql
from usher.sources.changed import Seen

#: Above this share of the customers, looking at everybody is no more work.
MOST = 0.4
#: Where more are affected than this, each rule is asked only for those whom its own windows concern …
MANY = 20_000
#: … unless these are more than this share of all who are affected.
APART = 0.5
#: Windows that go back further than this are asked together with whatever needs all rows.
FAR = timedelta(days=150)


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
        return Scope(frozenset(one.column for one in entries), reason or "nothing was published before")
    spans = {entry.column: _spans(work, work.before, entry) for entry in entries}
    known = [found for found in spans.values() if found is not None]
    _gather(work, "common", [*seen.touched, *_by_hand(work)])
    _gather(work, "affected", ["SELECT key FROM common", *_passed(work, known)])
    customers, (count,) = _customers(work), sql.row(work.connection, "SELECT count(*) FROM affected")
    if count > MOST * customers:
        work.connection.execute("DROP TABLE affected")
        return Scope(frozenset(spans), f"{count:,} of {customers:,} customers can have changed")
    work.run.affected = count
    _draw_near(work, "affected")
    _note_old(work)
    if count > MANY:
        _part(work, [entry for entry in entries if spans[entry.column] is not None], spans, count)
    return Scope(frozenset(column for column, found in spans.items() if found is None))


def _customers(work: Work) -> int:
    return work.opened.opened[work.opened.subject.name].rows


def _unlike_before(work: Work) -> str:
    """Why nothing that was published before can be built on; empty when it can."""
    if work.before is None:
        return ""
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


def _gather(work: Work, table: str, queries: list[str]) -> int:
    """A table of all keys that the queries find, each once: `key`, `text`, `level`; answers how many."""
    found = [*queries, f"SELECT NULL::{work.key_type}"]
    keys = " UNION ALL ".join(f"(SELECT * FROM ({query}) AS q(key))" for query in found)
    work.connection.execute(
        f"CREATE TABLE {table} AS SELECT DISTINCT key, key::VARCHAR AS text, 0 AS level FROM ({keys})"
        " WHERE key IS NOT NULL"
    )
    (count,) = sql.row(work.connection, f"SELECT count(*) FROM {table}")
    return int(count)


def _part(work: Work, entries: list[Entry], spans: Mapping[str, Moves | None], count: int) -> None:
    """Domains of their own for rules with the same windows, which need few rows of few customers.

    Rules that ask for all rows of a customer, or for those of a long time, share one. A rule that speaks of
    other audiences is asked for all who are affected.
    """
    alike: dict[object, list[Entry]] = {}
    for entry in entries:
        if not entry.needs:
            many = _asks_for_all(entry.node) or _reaches_far(spans[entry.column], work.run.now)
            alike.setdefault("many" if many else spans[entry.column], []).append(entry)
    for number, some in enumerate(alike.values()):
        known = [found for entry in some if (found := spans[entry.column]) is not None]
        table = f"affected_{number}"
        if _gather(work, table, ["SELECT key FROM common", *_passed(work, known)]) <= APART * count:
            _draw_near(work, table)
            work.domains |= {entry.column: table for entry in some}


def _reaches_far(known: Moves | None, now: datetime) -> bool:
    """Whether a window goes so far back that it holds most rows of a customer in any case."""
    return any(now - span.after > FAR for span in known or ())


def _asks_for_all(node: rules.Node) -> bool:
    """Whether some aggregate is not limited to a window."""
    aggregates = [part for part in nodes.walk(node) if isinstance(part, nodes.Aggregate)]
    return any(
        one.where is None
        or not any(isinstance(part, nodes.Within | nodes.Timed) for part in nodes.walk(one.where))
        for one in aggregates
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


def _draw_near(work: Work, domain: str) -> None:
    """Views of the rows that the customers of a domain have in every table."""
    for name, one in work.opened.opened.items():
        key, table = sql.name(one.key), sql.name(name)
        work.connection.execute(
            f"CREATE VIEW {sql.name(f'{domain}_{name}')} AS"
            f" SELECT * FROM {table} WHERE {key} IN (SELECT key FROM {domain})"
        )


def _note_old(work: Work) -> None:
    """What was published of the affected customers: the table `old`."""
    assert work.before
    rows = work.before.state.rows(work.audiences, work.fields, among="affected_text")
    work.connection.execute("CREATE VIEW affected_text AS SELECT text AS key FROM affected")
    work.connection.execute(f"CREATE TABLE old AS SELECT * FROM {rows}")


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
    work.connection.execute(f"INSERT INTO old BY NAME SELECT * FROM {rows}")
    work.level = level
