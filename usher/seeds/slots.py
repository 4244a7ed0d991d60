"""The moments at which a plan places its seeds: every so many days at a time of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo


def latest(starts: date, every_days: int, at: time, now: datetime, zone: tzinfo) -> datetime | None:
    """The last slot not after `now`, in UTC; None before the first."""
    turns = (now.astimezone(zone).date() - starts).days // every_days
    slot = _slot(starts, turns * every_days, at, zone)
    if slot > now:
        turns -= 1
        slot = _slot(starts, turns * every_days, at, zone)
    return slot if turns >= 0 else None


def following(starts: date, every_days: int, at: time, after: datetime, zone: tzinfo) -> datetime:
    """The first slot later than `after`, in UTC."""
    turns = max(0, (after.astimezone(zone).date() - starts).days // every_days)
    slot = _slot(starts, turns * every_days, at, zone)
    return slot if slot > after else _slot(starts, (turns + 1) * every_days, at, zone)


def _slot(starts: date, days: int, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(starts + timedelta(days=days), at, zone).astimezone(UTC)
