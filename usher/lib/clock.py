"""The only reader of the system clock; in a demo or a test it can stand on a virtual moment.

A virtual clock is a file holding one ISO 8601 instant. Every process that is given its path reads the
same moment, so months can be replayed by moving one file. Settings refuse it in production.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

#: Path of the virtual clock's file; None means the system clock. Set once, by the settings.
virtual: Path | None = None


def now() -> datetime:
    """The present moment, aware, in UTC."""
    if virtual is None:
        return datetime.now(UTC)
    return datetime.fromisoformat(virtual.read_text("ascii")).astimezone(UTC)


def move(path: Path, moment: datetime) -> None:
    """Put the virtual clock at `path` on `moment`, in one step for every reader."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    scratch.write_text(moment.astimezone(UTC).isoformat(), "ascii")
    scratch.replace(path)
