"""Durations as people write them: “30 minutes”, “7 days”, “1 day 12 hours”."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_PART = re.compile(r"(\d+)\s*(day|hour|minute|second)s?")


def parse(text: str) -> timedelta:
    """The duration, or ValueError with what to write instead."""
    if not re.fullmatch(rf"\s*{_PART.pattern}(?:[\s,]+{_PART.pattern})*\s*", text):
        raise ValueError(f"{text!r} is not a duration; write for example 30 minutes, 2 hours or 7 days")
    try:
        return timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text)))
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None


def write(duration: timedelta) -> str:
    """The duration in words that `parse` reads back; whole seconds."""
    rest, parts = round(duration.total_seconds()), []
    for unit, seconds in UNITS.items():
        number, rest = divmod(rest, seconds)
        if number:
            parts.append(f"{number} {unit}{'s' if number > 1 else ''}")
    return " ".join(parts) or "0 days"
