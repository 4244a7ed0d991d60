"""The rows that a sequence is made of: one of each step, each later than the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, TypeVar

from usher.rules import nodes
from usher.rules.moments import shifted


class Timed(Protocol):
    @property
    def at(self) -> date | None: ...


T = TypeVar("T", bound=Timed)


def chain(steps: Sequence[tuple[nodes.Period | None, Sequence[T]]]) -> tuple[T, ...]:
    """The latest chain of rows, or that of the first steps if there is none of all; rows come newest first.

    A step is the time in which its row follows the one before it, and its rows.
    """
    longest: tuple[T, ...] = ()
    chains: list[tuple[T, ...]] = [()]  # of the steps so far, by their last row, the newest first
    for within, rows in steps:
        chains = [found for row in rows if (found := _with(row, chains, within))]
        longest = chains[0] if chains else longest
    return longest


def _with(row: T, before: Iterable[tuple[T, ...]], within: nodes.Period | None) -> tuple[T, ...] | None:
    for earlier in before:
        if not earlier or _follows(earlier[-1].at, row.at, within):
            return (*earlier, row)
    return None


def _follows(earlier: date | None, later: date | None, within: nodes.Period | None) -> bool:
    if earlier is None or later is None or not earlier < later:
        return False
    return within is None or later - earlier <= _length(within)


def _length(period: nodes.Period) -> timedelta:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    return shifted(start, period, UTC, 1) - start
