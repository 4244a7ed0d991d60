"""Refuse to build on data that look like an accident: empty, halved, too old."""

from __future__ import annotations

from datetime import datetime

from usher.sources.errors import SourceRefusedError
from usher.sources.models import Table
from usher.sources.open import Opened


def guard(opened: Opened, now: datetime) -> None:
    """SourceRefusedError when a table is empty, has lost over half its rows, or is older than allowed."""
    for name, one in opened.opened.items():
        _enough(one.table, one.rows)
        _fresh(one.table, opened.newest(name, now), now)


def remember(opened: Opened) -> None:
    """Note the rows and columns that a good run has built on; the next runs are compared with them."""
    for one in opened.opened.values():
        one.table.good_rows = one.rows
        one.table.columns = dict(one.columns)
    Table.objects.bulk_update([one.table for one in opened.opened.values()], ["good_rows", "columns"])


def accept(name: str) -> None:
    """Take the table's size as right, whatever it was before: the answer to a refusal. Table.DoesNotExist."""
    table = Table.objects.get(name=name)
    table.good_rows = None
    table.save(update_fields=["good_rows"])


def _enough(table: Table, rows: int) -> None:
    before = table.good_rows
    if rows == 0:
        had = f"it had {before:,} when it was last used" if before else "it should hold some"
        raise SourceRefusedError(f"{table} has no rows ({had}); nothing was changed. Mend {table.location}")
    if before and rows * 2 < before:
        raise SourceRefusedError(
            f"{table} has {rows:,} rows, and had {before:,} when it was last used; nothing was changed."
            f" Mend {table.location}, or accept the new size with `usher sources accept {table.name}`"
        )


def _fresh(table: Table, newest: datetime | None, now: datetime) -> None:
    if table.max_age and (newest is None or now - newest > table.max_age):
        seen = f"{newest:%Y-%m-%d %H:%M}" if newest else "none"
        raise SourceRefusedError(
            f"{table}: the newest row is of {seen}, older than the {table.max_age.days} days allowed;"
            f" nothing was changed. Bring {table.location} up to date"
        )
