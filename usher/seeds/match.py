"""Which arrival answers which expectation, and what that means: pure, and the same for any order of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Expected:
    key: int
    subject: str
    due_at: datetime
    closes_at: datetime
    must_arrive: bool = True


@dataclass(frozen=True)
class Arrived:
    key: int
    subject: str
    received_at: datetime


def match(expected: Sequence[Expected], arrived: Sequence[Arrived]) -> dict[int, int | None]:
    """For each arrival's key the key of the expectation it answers; None if nobody expected it.

    Arrivals are taken in the order in which they came. A second copy answers what the first one answered.
    """
    taken: set[int] = set()
    answers: dict[int, int | None] = {}
    for arrival in sorted(arrived, key=lambda arrival: (arrival.received_at, arrival.key)):
        fitting = [one for one in expected if fits(one.subject, arrival.subject)]
        answer = _answered(fitting, arrival.received_at, taken)
        answers[arrival.key] = answer.key if answer else None
        if answer:
            taken.add(answer.key)
    return answers


def _answered(fitting: Sequence[Expected], at: datetime, taken: set[int]) -> Expected | None:
    """The open window, else the last one missed, else the last one answered, else the next to open."""
    begun = sorted((one for one in fitting if one.due_at <= at), key=lambda one: one.due_at, reverse=True)
    free = [one for one in begun if one.key not in taken]
    to_open = sorted((one for one in fitting if one.due_at > at), key=lambda one: one.due_at)
    early = [one for one in to_open if one.key in taken]
    inside = [one for one in free if at <= one.closes_at]
    return next(iter([*inside, *free, *begun, *early, *to_open]), None)


def fits(pattern: str, subject: str) -> bool:
    """Whether the subject is the pattern, in any case and spacing; * stands for any text."""
    parts = (re.escape(" ".join(part.casefold().split())) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), " ".join(subject.casefold().split())) is not None


def verdict(expected: Expected, received: Sequence[datetime], final: bool) -> str:
    """The verdict on one expectation from the moments of its arrivals; `final`: window and grace are over."""
    if not expected.must_arrive:
        return "unexpected" if received else "absent" if final else "pending"
    if not received:
        return "missing" if final else "pending"
    if len(received) > 1:
        return "duplicate"
    if received[0] < expected.due_at:
        return "early"
    return "on_time" if received[0] <= expected.closes_at else "late"
