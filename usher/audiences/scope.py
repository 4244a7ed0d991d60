"""Whom a run has to look at: everybody, or the customers for whom something can have changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

import pyarrow as pa
from django.conf import settings

from usher import rules
from usher.audiences import before as earlier
from usher.audiences import hand
from usher.audiences.flips import Flips
from usher.audiences.rulebook import Entry
from usher.audiences.spans import bounds, joined
from usher.audiences.work import Group, Work
from usher.rules.moves import Moves, moves
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
    """Decide; unless all are looked at, make `affected` (key, text, level by group) and `old`."""
    entries = [entry for level in work.book.levels for entry in level]
    work.keeping.plan(entries, partial(_moves, work))
    known: Mapping[str, Moves | None] = work.keeping.moving
    moving = {
        one.column: known[one.column] if one.column in known else _moves(work, one.node) for one in entries
    }
    reason = because or _unlike_before(work) or seen.whole
    if reason or work.before is None:
        return _all(work, entries, reason)
    changed = {one.column for one in entries if moving[one.column] is None or _rewritten(work, one)}
    left = [one for one in entries if one.column not in changed]
    work.keeping.carry()
    kept = [one for one in left if one.column in work.keeping.ready]
    expired = work.expired
    flips = Flips(work, [one for one in kept if one.thing not in expired])
    slow = [one.column for one in kept if one.column not in flips.columns]
    read = [one for one in left if one.column not in work.keeping.ready]
    work.keeping.not_yet = frozenset(one.column for one in read)
    touched = list(_touched(work, seen, []))
    _gather(
        work,
        kept=[
            *work.keeping.concerned(slow),
            *_passed(work, slow, moving, {work.opened.subject.name}),
        ],
        other=[
            *_touched(work, seen, read),
            *_passed(work, [one.column for one in read], moving, work.opened.opened),
        ],
        any_of=[*touched, *_by_hand(work)],
    )
    customers = work.opened.opened[work.opened.subject.name].rows
    (other,) = sql.row(work.connection, "SELECT count(other) FROM affected")
    if other > MOST * customers:
        work.connection.execute("DROP TABLE affected")
        return _all(work, entries, f"{other:,} of {customers:,} customers can have changed")
    _draw_near(work)
    work.keeping.place()
    flips.find(touched)
    work.flipped = flips.columns
    work.run.affected = _looked_at(work, flips)
    work.keeping.add()
    work.keeping.anew()
    if slow:
        work.keeping.near()
    return Scope(frozenset(changed))


def _looked_at(work: Work, flips: Flips) -> int:
    """How many customers may be concerned by anything."""
    keys = [work.connection.sql("SELECT key FROM affected").to_arrow_table()["key"], *flips.looked_at]
    some = [one for one in keys if len(one)]
    if len(some) == 1:
        return len(some[0])
    return len(pa.chunked_array([chunk for one in some for chunk in one.chunks], keys[0].type).unique())


def _all(work: Work, entries: Iterable[Entry], reason: str) -> Scope:
    work.keeping.forget()
    work.keeping.anew()
    return Scope(frozenset(one.column for one in entries), reason)


def _unlike_before(work: Work) -> str:
    """Why nothing that was published before can be built on; empty when it can."""
    if work.before is None or work.who is None:
        return "nothing was published before, or its files are gone"
    if work.run.now < work.before.run.now:
        return "the evaluation before was as of a later moment"
    if work.opened.subject.name in work.opened.schema.lookups:
        return "links lead to customers"
    return earlier.other_shape(work.before.run.marks.get("shape", {}), work.run.marks["shape"])


def _moves(work: Work, node: rules.Node) -> Moves | None:
    """The rows by which time alone can change this; None when everybody has to be looked at."""
    before = min(work.before.run.now, work.run.now) if work.before else work.run.now
    return moves(node, work.book.schema, before, work.run.now, ZoneInfo(settings.TIME_ZONE))


def _rewritten(work: Work, entry: Entry) -> bool:
    """Whether what was published is not the answer to this."""
    assert work.before
    last = work.before.good(entry.column)
    if last is None or last.error or last.rule != entry.text:
        return True
    return not work.before.same_names(entry, work.run.marks["names"])


def _passed(
    work: Work, columns: Iterable[str], moving: Mapping[str, Moves | None], tables: Collection[str]
) -> Iterator[str]:
    """The customers with rows of these tables in any of the spans."""
    spans = [span for one in columns for span in moving[one] or () if span.table in tables]
    for span in joined(spans):
        key = work.opened.opened[span.table].key
        within = " AND ".join(bounds(work.opened, span))
        yield f"SELECT {sql.name(key)} FROM {sql.name(span.table)} WHERE {within}"


def _touched(work: Work, seen: Seen, entries: Sequence[Entry]) -> Iterator[str]:
    """The customers with new or changed rows of what these entries read; of the subject in any case."""
    tables = {name for one in entries for name in rules.references(one.node).tables}
    tables.add(work.opened.subject.name)
    yield from (query for name, query in seen.touched.items() if name in tables)


def _gather(work: Work, kept: list[str], other: list[str], any_of: list[str]) -> None:
    """All keys that the queries find, once."""
    groups = (("0", "NULL", kept), ("NULL", "0", other), ("0", "0", any_of))
    found = [
        f"SELECT key, {in_kept}::INT AS kept, {in_other}::INT AS other FROM ({query}) AS q(key)"
        for in_kept, in_other, queries in groups
        for query in [*queries, f"SELECT NULL::{work.key_type}"]
    ]
    work.connection.execute(
        "CREATE TABLE affected AS SELECT key, key::VARCHAR AS text, min(kept) AS kept, min(other) AS other"
        f" FROM ({' UNION ALL '.join(found)}) WHERE key IS NOT NULL GROUP BY key"
    )


def _by_hand(work: Work) -> Iterator[str]:
    """Those for whom what was put by hand is not what it was."""
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
    lookups = work.opened.schema.lookups
    for name, one in work.opened.opened.items():
        if name in lookups:  # found by keys of their own, which are no customers'
            work.connection.execute(f"CREATE VIEW {sql.name(f'near_{name}')} AS FROM {sql.name(name)}")
        else:
            _near(work, f"near_{name}", name, one.key, "other IS NOT NULL")
    subject = work.opened.subject
    _near(work, "near_people_kept", subject.name, subject.key, "kept IS NOT NULL")
    _near(work, "near_people_any", subject.name, subject.key, "true")
    work.connection.execute("CREATE VIEW affected_text AS SELECT text AS key FROM affected")
    work.connection.execute(f"CREATE TABLE published AS {_published(work, 'affected_text')}")
    assert work.who
    shown = "".join(f", {work.who.column(one, 'p')} AS a_{one}" for one in work.audiences)
    work.connection.execute(
        f"CREATE VIEW old AS SELECT p.*{shown}, a.kept, a.other"
        " FROM published p JOIN affected a ON a.text = p.key"
    )


def _published(work: Work, among: str) -> str:
    """SQL: what the keys (text) in a table were in, as words, and which values they had."""
    assert work.before
    assert work.who
    words = work.who.near(work, among)
    values = work.before.state.rows([], work.fields, among) if work.fields else ""
    return f"SELECT * FROM {words}{f' LEFT JOIN {values} USING (key)' if values else ''}"


def _near(work: Work, view: str, table: str, key: str, condition: str) -> None:
    work.connection.execute(
        f"CREATE VIEW {sql.name(view)} AS SELECT * FROM {sql.name(table)}"
        f" WHERE {sql.name(key)} IN (SELECT key FROM affected WHERE {condition})"
    )


def grow(work: Work, level: int, queries: list[str], groups: Collection[Group]) -> None:
    """Put further customers among the affected of these groups: those whose membership just changed."""
    assert work.before
    work.connection.execute(
        f"CREATE OR REPLACE TABLE grown AS SELECT DISTINCT key FROM"
        f" ({' UNION ALL '.join(f'({query})' for query in queries)}) WHERE key IS NOT NULL"
    )
    work.connection.execute("CREATE OR REPLACE VIEW newly AS FROM grown ANTI JOIN affected_text USING (key)")
    work.connection.execute(f"INSERT INTO published BY NAME {_published(work, 'newly')}")
    work.connection.execute(f"INSERT INTO affected SELECT key::{work.key_type}, key, NULL, NULL FROM newly")
    for group in sorted(groups):
        work.connection.execute(
            f"UPDATE affected SET {group} = {level} WHERE {group} IS NULL AND text IN (FROM grown)"
        )
    work.level = level
    work.keeping.near()
