"""Answers as whole numbers, and back: counts, amounts in their smallest unit, moments since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.audiences.ledger import EMPTY, By
from usher.rules.moves import Span

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Whatever is added up stays so small that a number of 64 bits holds the sum of all that is added to it.
_SMALL = "DECIMAL(16, 0)"


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
