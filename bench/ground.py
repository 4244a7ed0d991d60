"""A place to measure in: an embedded database (durable, as in real use), a data directory, Django awake."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usher.engage.models import Account

NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Figure:
    """One measured thing beside its limit; both in the same unit."""

    what: str
    measured: float
    unit: str
    #: What the machine can do at best in the same run, and what that was.
    limit: float
    limit_is: str
    #: What we want of it, in words.
    goal: str
    #: For rates more is better, for times less.
    more_is_better: bool = True

    @property
    def ratio(self) -> float:
        return self.measured / self.limit


@contextmanager
def ground() -> Iterator[Path]:
    """Everything that a measurement needs, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="usher-bench-") as folder:
        root = Path(folder)
        os.environ |= {
            "USHER_MODE": "test",
            "USHER_DATA_DIR": str(root),
            "USHER_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "usher.settings",
            # what the example's definitions want; nothing is sent there
            "USHER_API_URL": "http://127.0.0.1:9",
            "USHER_API_USER": "bench@apiconnector.com",
            "USHER_API_PASSWORD": "pa55word",
        }
        from usher.lib import postgres

        os.environ["DATABASE_URL"] = postgres.start(root)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        yield root
        from django.db import connections

        connections.close_all()


def account() -> Account:
    """An account apart from the music shop's, whose own program would work along."""
    from usher.engage.accounts import create_account
    from usher.engage.models import Account

    return Account.objects.filter(name="Bench").first() or create_account("Bench", NOW)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_seconds(work: Callable[[], object], times: int = 5) -> float:
    """The median of `times` runs after one that does not count."""
    work()
    return statistics.median(seconds(work) for _ in range(times))


def side_by_side(*works: Callable[[], object], times: int = 5) -> list[float]:
    """Seconds of each, turn about, after one turn that does not count: the least disturbed run of each."""
    for work in works:
        work()
    turns = [[seconds(work) for work in works] for _ in range(times)]
    return [min(column) for column in zip(*turns, strict=True)]
