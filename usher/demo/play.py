"""Play the demo: move the clock from one due moment to the next, and let the real processes do the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from datetime import time as time_of_day

from django.db import close_old_connections

from usher.demo.customers import Customers
from usher.demo.night import Night, count
from usher.demo.stage import DemoError, Stage
from usher.lib import clock
from usher.work import tasks
from usher.work.machine import Machine

NIGHT_BEGINS = time_of_day(6)


class Play:
    """The replay in progress: one machine, one virtual clock, one crowd of customers."""

    def __init__(self, stage: Stage, machine: Machine, customers: Customers) -> None:
        self.stage = stage
        self.machine = machine
        self.customers = customers
        #: Told in words what is being waited for, for the progress bar.
        self.on_moment: Callable[[datetime], None] = lambda moment: None

    def nights(self, how_many: int) -> Iterator[Night]:
        """Play that many nights; each when the next one's 06:00 has come."""
        for number in range(how_many):
            begins = datetime.combine(
                self.stage.start + timedelta(days=number), NIGHT_BEGINS, self.stage.zone
            )
            started = time.monotonic()
            self._play(begins, begins + timedelta(days=1))
            yield count(begins, begins + timedelta(days=1), time.monotonic() - started)

    def _play(self, begins: datetime, ends: datetime) -> None:
        moment = begins
        while moment < ends:
            self._at(moment)
            moment = min(
                (one for one in (tasks.next_due(moment), self.customers.next_act()) if one), default=ends
            )

    def _at(self, moment: datetime) -> None:
        """Stand on `moment` until nothing is due any more."""
        clock.move(self.stage.clock_file, moment)
        self.on_moment(moment)
        for _ in range(50):
            acted = self.customers.act(moment)
            handed = tasks.wake(moment)
            if not handed and not acted:
                return
            self._wait()
            self.customers.read_mail()
        raise DemoError(f"at {moment:%Y-%m-%d %H:%M} there is no end of {', '.join(handed)}")

    def _wait(self, patience: float = 300) -> None:
        end = time.monotonic() + patience
        while True:
            waiting, failed = tasks.waiting()
            if failed:
                raise DemoError(f"a job failed: {', '.join(failed)}; the worker's message stands above")
            if not waiting:
                return
            if time.monotonic() > end:
                raise DemoError(f"{waiting} jobs are not done after {patience:.0f} s")
            self.machine.watch()
            close_old_connections()
            time.sleep(0.01)
