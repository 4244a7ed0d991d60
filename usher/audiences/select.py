"""Select the members and values of a level of rules together; find the ones that cannot be run by halving."""

from __future__ import annotations

import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import duckdb
from django.conf import settings

from usher import rules
from usher.audiences.rulebook import Entry, Unfit
from usher.audiences.work import Frame, Work


def select(work: Work, name: str, entries: Sequence[Entry], *, whole: bool) -> None:
    """Add a frame with these columns to the work, over everybody or over the affected customers.

    Where the selection cannot be run, each half is tried alone; what is left over in the end is set aside.
    """
    if not entries:
        return
    began = time.perf_counter()
    try:
        _run(work, name, entries, whole)
    except Exception as problem:
        reason = _reason(problem)
        if reason is None:
            raise
        if len(entries) == 1:
            work.unfit.append(Unfit(entries[0].thing, reason))
            return
        half = len(entries) // 2
        select(work, f"{name}a", entries[:half], whole=whole)
        select(work, f"{name}b", entries[half:], whole=whole)
        return
    spent = (time.perf_counter() - began) / len(entries)
    work.seconds |= {entry.column: spent for entry in entries}
    work.frames.append(Frame(name, tuple(entry.column for entry in entries), whole, work.level))


def _run(work: Work, name: str, entries: Sequence[Entry], whole: bool) -> None:
    selected = rules.select(
        {entry.column: entry.node for entry in entries},
        work.book.schema,
        work.tables(whole),
        now=work.run.now,
        zone=ZoneInfo(settings.TIME_ZONE),
        members=lambda kind, audience: work.members(kind, audience, whole),
    )
    columns = ", ".join(entry.column for entry in entries)
    query = work.opened.connection.compile(selected)
    work.connection.execute(f"CREATE TABLE {name} AS SELECT {work.key} AS key, {columns} FROM ({query})")
    for column, kind, *_ in work.connection.execute(f"DESCRIBE {name}").fetchall():
        if kind.endswith("HUGEINT"):  # Parquet has no such numbers
            work.connection.execute(f"ALTER TABLE {name} ALTER {column} TYPE DOUBLE")


def _reason(problem: Exception) -> str | None:
    """What a rule did wrong; None for what no rule is to blame for: the disk, memory, our own mistakes."""
    from ibis.common.exceptions import IbisError

    data = duckdb.DataError | duckdb.ProgrammingError | duckdb.NotSupportedError
    if not isinstance(problem, rules.RuleError | IbisError | data):
        return None
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)
