"""Select the members and values of a level of rules together; find the ones that cannot be run by halving."""

from __future__ import annotations

import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.conf import settings

from usher import rules
from usher.audiences.failing import reason
from usher.audiences.rulebook import Entry, Unfit
from usher.audiences.work import Frame, Group, Work


def select(work: Work, name: str, entries: Sequence[Entry], *, whole: bool, group: Group = "other") -> None:
    """Add a frame with these columns to the work, over everybody or over the affected customers.

    Those of the group `kept` are answered by what is kept of other tables.

    Where the selection cannot be run, each half is tried alone; what is left over in the end is set aside.
    """
    if not entries:
        return
    began = time.perf_counter()
    try:
        _run(work, name, entries, whole, group)
    except Exception as problem:
        why = reason(problem)
        if why is None:
            raise
        if len(entries) == 1:
            work.unfit.append(Unfit(entries[0].thing, why))
            return
        half = len(entries) // 2
        select(work, f"{name}a", entries[:half], whole=whole, group=group)
        select(work, f"{name}b", entries[half:], whole=whole, group=group)
        return
    spent = (time.perf_counter() - began) / len(entries)
    work.seconds |= {entry.column: spent for entry in entries}
    work.frames.append(Frame(name, tuple(entry.column for entry in entries), whole, work.level, group))


def _run(work: Work, name: str, entries: Sequence[Entry], whole: bool, group: Group) -> None:
    selected = rules.select(
        {entry.column: entry.node for entry in entries},
        work.book.schema,
        work.tables(whole, group),
        now=work.run.now,
        zone=ZoneInfo(settings.TIME_ZONE),
        members=lambda kind, audience: work.members(kind, audience, whole, group),
        kept=work.keeping.of(whole) if group == "kept" else None,
    )
    columns = ", ".join(entry.column for entry in entries)
    query = work.opened.connection.compile(selected)
    work.connection.execute(f"CREATE TABLE {name} AS SELECT {work.key} AS key, {columns} FROM ({query})")
    for column, kind, *_ in work.connection.execute(f"DESCRIBE {name}").fetchall():
        if kind.endswith("HUGEINT"):  # Parquet has no such numbers
            work.connection.execute(f"ALTER TABLE {name} ALTER {column} TYPE DOUBLE")
