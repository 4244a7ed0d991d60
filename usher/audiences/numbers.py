"""Answers as whole numbers, and back: counts, amounts in their smallest unit, moments since 1970."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from usher.audiences.ledger import EMPTY, By, Numbers
from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.moments import Side, date_bound, shifted
from usher.rules.moves import Span

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: A side and an end; None: no number is there.
Bound = tuple[Side, int] | None
#: Whatever is added up stays so small that a number of 64 bits holds the sum of all that is added to it.
_SMALL = "DECIMAL(16, 0)"
_SIDED: Mapping[Side, Callable[[Numbers, int], NDArray[np.bool_]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
}


def whole(answer: str, kind: str, by: By) -> str:
    """SQL: an answer of DuckDB's type `kind` as a whole number; DuckDB's error where it is too great."""
    if kind.startswith("TIMESTAMP"):
        number = f"epoch_us({answer})"
    elif kind == "DATE":
        number = f"({answer} - DATE '1970-01-01')"
    else:
        unit = 10 ** decimals(kind)
        number = f"({answer}::DECIMAL(18, {decimals(kind)}) * {unit})" if unit > 1 else answer
    if by == "sum":
        number = f"{number}::{_SMALL}"
    return f"coalesce({number}::BIGINT, {EMPTY[by]})"


def shown(number: str, kind: str, by: By) -> str:
    """SQL: the answer that a whole number stands for."""
    if by != "sum":
        number = f"nullif({number}, {EMPTY[by]})"
    if kind.startswith("TIMESTAMP"):
        return f"make_timestamptz({number})"
    if kind == "DATE":
        return f"(DATE '1970-01-01' + {number}::INTEGER)"
    if decimals(kind):
        return f"({number} * {10 ** -decimals(kind):.{decimals(kind)}f})::{kind}"
    return f"{number}::{kind}"


def decimals(kind: str) -> int:
    return int(kind.rstrip(")").split(",")[1]) if kind.startswith("DECIMAL") else 0


def ends(span: Span, kind: str) -> tuple[int, int]:
    """Between which numbers, including both, all moments of a span are; perhaps a few others as well."""
    if kind == "DATE":
        zone = ZoneInfo(settings.TIME_ZONE)
        first, last = ((end.astimezone(zone).date() - EPOCH.date()).days for end in (span.after, span.until))
        return first, last
    return (span.after - EPOCH) // _MICROSECOND, (span.until - EPOCH) // _MICROSECOND


def bound(side: Side, moment: datetime, kind: str, zone: tzinfo) -> Bound:
    """What `x side moment` is of the number that stands for x; None: it holds of none."""
    if kind != "DATE":
        return side, (moment - EPOCH) // _MICROSECOND
    found = date_bound(side, moment, zone)
    return (found[0], (found[1] - EPOCH.date()).days) if found else None


def sided(found: Numbers, ends: Bound) -> NDArray[np.bool_]:
    """The numbers on that side of a `bound`."""
    if ends is None:
        return np.full(len(found), False)
    return _SIDED[ends[0]](found, ends[1])


def ends_of(window: nodes.Within | nodes.Timed, clock: Clock) -> Iterator[tuple[Side, datetime]]:
    """What a window asks of a time, as of a moment."""
    match window:
        case nodes.Within(period=period, upcoming=upcoming):
            edge = shifted(clock.now, period, clock.zone, 1 if upcoming else -1)
            first, last = (clock.now, edge) if upcoming else (edge, clock.now)
            yield from ((">", first), ("<=", last))
        case nodes.Timed(relation=relation, moment=nodes.Period() as period):
            edge = shifted(clock.now, period, clock.zone, -1)
            yield (">" if relation == "after" else "<="), edge
