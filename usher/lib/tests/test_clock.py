from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from usher.lib import clock


def test_it_reads_the_system_clock_unless_told_otherwise() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_every_reader_of_a_virtual_clock_sees_the_moment_it_was_moved_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "virtual", tmp_path / "clock")
    clock.move(tmp_path / "clock", datetime(1998, 1, 1, 8, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(1998, 1, 1, 6, tzinfo=UTC)


def test_a_moment_without_its_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        clock.move(tmp_path / "clock", datetime(1998, 1, 1))  # noqa: DTZ001 - the mistake under test
