"""Rows, or answers, over which the edge of a window passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from usher.rules.moments import Side, date_bound
from usher.rules.moves import Span
from usher.sources import sql
from usher.sources.open import Opened

#: Two to this power is the number of pieces that time is cut into.
PIECES = 16


def joined(spans: Iterable[Span]) -> Iterator[Span]:
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


def bounds(opened: Opened, span: Span) -> Iterator[str]:
    """The two ends of a span as conditions on its column: dates as dates, so that statistics help."""
    yield from _ended(opened, span.table, span.column, ">", span.after)
    yield from _ended(opened, span.table, span.column, "<=", span.until)


def in_sight(opened: Opened, table: str, now: datetime) -> str:
    """Whether a row's moment has come, as SQL: never null."""
    (condition,) = _ended(opened, table, opened.opened[table].table.at, "<=", now)
    return f"coalesce({condition}, false)"


def _ended(opened: Opened, table: str, column: str, side: Side, moment: datetime) -> Iterator[str]:
    if opened.opened[table].kinds.get(column) != "DATE":
        yield f"{sql.name(column)} {side} {_instant(moment)}"
    elif bound := date_bound(side, moment, ZoneInfo(settings.TIME_ZONE)):
        yield f"{sql.name(column)} {bound[0]} DATE {sql.text(bound[1].isoformat())}"


def within(numbers: NDArray[np.int64], ends: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The places of the numbers that lie between any of these ends, and perhaps of some beside them.

    All of the time that they cover is cut into small pieces: a number is looked up, not compared with each.
    """
    lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
    width = max(0, (highest - lowest).bit_length() - PIECES)
    found = np.zeros(((highest - lowest) >> width) + 1, dtype=bool)
    for low, high in ends:
        found[(low - lowest) >> width : ((high - lowest) >> width) + 1] = True
    there = np.flatnonzero((numbers >= lowest) & (numbers <= highest))
    hit: NDArray[np.bool_] = found[(numbers[there] - lowest) >> width]
    return there[hit]


def _instant(moment: datetime) -> str:
    return f"TIMESTAMPTZ {sql.text(moment.isoformat())}"
