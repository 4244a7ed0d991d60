"""The music shop by another way: plain SQL for who is tagged, and a naive walk through the program.

Nothing of Usher is used here, so that both can be compared. One customer at a time, one day at a time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb

ORDERS = Path(__file__).parent.parent / "examples" / "musicshop" / "orders.csv"
STAFF = {1, 2, 3, 4, 5}
UNSUBSCRIBE = set(range(100, 2001, 100))
GONE = set(range(150, 1951, 100))
OUTAGE = 40

#: Lapsed as of 06:00: nothing ordered in the 180 days before. An order counts from the midnight of its day,
#: so one of exactly 180 days ago, at midnight, lies six hours outside.
LAPSED = """
select customer_id from orders where ordered_on <= $day group by customer_id
having max(ordered_on) <= $day - 180
"""
STATE = (
    "select customer_id, count(*), max(ordered_on) from orders where ordered_on <= $day group by customer_id"
)


@dataclass
class Night:
    """What must happen in one night."""

    members: int = 0
    tagged: int = 0
    untagged: int = 0
    added: int = 0
    updated: int = 0
    enrolled: int = 0
    mailed: int = 0
    bounced: int = 0
    unsubscribed: int = 0
    exited: Counter[str] = field(default_factory=Counter)


@dataclass
class _Inside:
    """A customer in the program: since which day, and the next day on which something happens."""

    entered: int
    arrived: int
    next_step: int
    got_second: bool = False


def expected(start: date, nights: int) -> list[Night]:
    """Every night's figures."""
    with duckdb.connect() as engine:
        engine.execute(f"create table orders as from '{ORDERS}'")
        days = [start + timedelta(days=number) for number in range(nights)]
        lapsed = [_lapsed(engine, day) for day in days]
        states = [_states(engine, day) for day in days]
        rows = engine.execute("select customer_id, list(ordered_on) from orders group by all").fetchall()
    return _Walk(start, lapsed, states, dict(rows)).play()


def _lapsed(engine: duckdb.DuckDBPyConnection, day: date) -> set[int]:
    return {row[0] for row in engine.execute(LAPSED, {"day": day}).fetchall()}


def _states(engine: duckdb.DuckDBPyConnection, day: date) -> dict[int, tuple[int, date]]:
    return {row[0]: (row[1], row[2]) for row in engine.execute(STATE, {"day": day}).fetchall()}


@dataclass
class _Walk:
    start: date
    lapsed: list[set[int]]
    states: list[dict[int, tuple[int, date]]]
    orders: dict[int, list[date]]
    nights: list[Night] = field(default_factory=list)
    inside: dict[int, _Inside] = field(default_factory=dict)
    entered: set[int] = field(default_factory=set)
    left_mailing: dict[int, str] = field(default_factory=dict)
    pushed: dict[int, tuple[object, ...]] = field(default_factory=dict)

    def play(self) -> list[Night]:
        # room for what the outage moves into the night after the last
        self.nights = [Night() for _ in range(len(self.lapsed) + 1)]
        for day in range(len(self.lapsed)):
            self._evaluate(day)
            self._sync(day)
            self._move(day)
            self._enrol(day)
        return self.nights[: len(self.lapsed)]

    def _evaluate(self, day: int) -> None:
        before = self.lapsed[day - 1] if day else set()
        self.nights[day].members = len(set(self.states[day]) - STAFF)
        self.nights[day].tagged = len(self.lapsed[day] - before)
        self.nights[day].untagged = len(before - self.lapsed[day])

    def _sync(self, day: int) -> None:
        """Whoever is new or changed is sent; who was suppressed at the platform is refused there."""
        for customer, state in self.states[day].items():
            now = (*state, customer in self.lapsed[day])
            if customer in STAFF or self.pushed.get(customer) == now:
                continue
            if customer not in self.pushed:
                self.nights[day].added += 1
            elif customer not in self.left_mailing:
                self.nights[day].updated += 1
            self.pushed[customer] = now

    def _enrol(self, day: int) -> None:
        for customer in self.lapsed[day] - STAFF - self.entered - set(self.left_mailing):
            self.entered.add(customer)
            self.nights[day].enrolled += 1
            self.inside[customer] = _Inside(day, self._mail(day, customer), day + 7)

    def _mail(self, day: int, customer: int) -> int:
        """Mail leaves; the night of its arrival. Its reader may unsubscribe at once, or not exist."""
        arrives = day + 1 if day == OUTAGE else day
        if customer in GONE:
            self.left_mailing[customer] = "bounced"
            self.nights[arrives].bounced += 1
            return arrives
        self.nights[arrives].mailed += 1
        if customer in UNSUBSCRIBE and customer not in self.left_mailing:
            self.left_mailing[customer] = "unsubscribed"
            self.nights[arrives].unsubscribed += 1
        return arrives

    def _move(self, day: int) -> None:
        for customer, walker in list(self.inside.items()):
            if walker.next_step == day:
                self._step(day, customer, walker)

    def _step(self, day: int, customer: int, walker: _Inside) -> None:
        if customer in self.left_mailing:
            self._leave(day, customer, self.left_mailing[customer])
        elif customer not in self.lapsed[day]:
            self._leave(day, customer, "no longer lapsed")
        elif walker.got_second:
            self._leave(day, customer, "no answer")
        elif self._clicked(customer, walker):
            self._leave(day, customer, "came back")
        else:
            self._mail(day, customer)
            walker.got_second, walker.next_step = True, day + 14

    def _clicked(self, customer: int, walker: _Inside) -> bool:
        arrived = self.start + timedelta(days=walker.arrived)
        return any(arrived < day <= arrived + timedelta(days=14) for day in self.orders[customer])

    def _leave(self, day: int, customer: int, how: str) -> None:
        self.nights[day].exited[how] += 1
        del self.inside[customer]
