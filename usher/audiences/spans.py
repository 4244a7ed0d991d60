"""Rows over which the edge of a window passed, as conditions of SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.rules.moments import Side, date_bound
from usher.rules.moves import Span
from usher.sources import sql
from usher.sources.open import Opened


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
    column = sql.name(span.column)
    dated = opened.opened[span.table].kinds[span.column] == "DATE"
    zone = ZoneInfo(settings.TIME_ZONE)
    ends: tuple[tuple[Side, datetime], ...] = ((">", span.after), ("<=", span.until))
    for side, moment in ends:
        if not dated:
            yield f"{column} {side} {_instant(moment)}"
        elif bound := date_bound(side, moment, zone):
            yield f"{column} {bound[0]} DATE {sql.text(bound[1].isoformat())}"


def _instant(moment: datetime) -> str:
    return f"TIMESTAMPTZ {sql.text(moment.isoformat())}"
