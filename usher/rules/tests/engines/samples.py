"""What is compared: random rules, and random shops with nulls, duplicates, unicode and edges of windows."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from usher.rules import check
from usher.rules.nodes import Node
from usher.rules.tests import rules
from usher.rules.tests.shop import NOW, SCHEMA, TYPES

ZONES = ["Europe/London", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "UTC"]
TEXTS = [*rules.TEXTS, "G%", "G_", " gb\t", "ÉCOLE", "École 😀 été", "straße", "0012.50", "-5", "5e3", "日本"]
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
DAYS = [date(2024, 3, 31), date(2024, 3, 30), date(2024, 3, 1), date(2024, 2, 29), date(2024, 4, 1)]
BIRTHDAYS = [*DAYS, date(2023, 3, 31), date(1964, 2, 29), date(1938, 12, 31), date(2000, 1, 31)]
EDGES = [timedelta(0), TICK, -DAY, TICK - DAY, timedelta(minutes=-1), timedelta(hours=2), -30 * DAY, 30 * DAY]
# 1964: before 1970; 2023-10-29 01:30 UTC: an hour that London's clocks show twice
LONG_AGO = [datetime(1964, 2, 29, 23, 59, tzinfo=UTC), datetime(2023, 10, 29, 1, 30, tzinfo=UTC)]


@dataclass(frozen=True)
class Sample:
    """A shop at a moment, in a zone."""

    number: int
    tables: Mapping[str, list[dict[str, Any]]]
    members: Mapping[str, list[int | None]]
    zone: ZoneInfo
    now: datetime = NOW

    def arrow(self) -> dict[str, pa.Table]:
        found = {
            name: pa.Table.from_pylist(self.tables[name], pa.schema(list(types.items())))
            for name, types in TYPES.items()
            if name != "members"
        }
        members = {f"members_{name}": ids for name, ids in self.members.items()}
        return found | {name: pa.table({"id": pa.array(ids, pa.int64())}) for name, ids in members.items()}


class _Chance:
    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.zone = ZoneInfo(ZONES[number % len(ZONES)])

    def maybe(self, values: list[Any]) -> Any:
        return None if self.random.random() < 0.2 else self.random.choice(values)

    def moment(self) -> datetime | None:
        midnight = datetime.combine(self.random.choice(DAYS), datetime.min.time(), self.zone).astimezone(UTC)
        near = NOW + timedelta(microseconds=self.random.randrange(-(10**14), 10**13))
        edge = NOW + self.random.choice(EDGES)
        return self.maybe([edge, edge, edge, midnight, midnight - TICK, near, *LONG_AGO])

    def local(self) -> datetime | None:
        """What the wall clock shows, where that says which moment it is."""
        moment = self.moment()
        wall = moment.astimezone(self.zone).replace(tzinfo=None) if moment else None
        clear = wall and wall.replace(tzinfo=self.zone).utcoffset() == (
            wall.replace(tzinfo=self.zone, fold=1).utcoffset()
        )
        return wall if clear else None


def sample(number: int, customers: int = 10) -> Sample:
    """The shop of this number: the same every time."""
    chance = _Chance(number)
    maybe, moment = chance.maybe, chance.moment
    keys = [*range(1, customers + 1), 99]

    def rows(most: int, make: Any) -> list[dict[str, Any]]:
        made = [make() for _ in range(chance.random.randrange(most))]
        return [*made, *made[:2]]  # some twice

    def numbered(count: int, make: Any, kind: type = int) -> list[dict[str, Any]]:
        return [{"id": kind(number), **make()} for number in range(1, count + 1)]

    tables = {
        "customers": numbered(
            customers,
            lambda: {
                "country": maybe(TEXTS),
                "email": maybe(TEXTS),
                "age": maybe([0, 1, 2, 30, 41]),
                "opted_in": maybe([True, False]),
                "birthday": maybe(BIRTHDAYS),
                "joined": chance.local(),
                "seen": moment(),
                "household": maybe([1, 2, 9]),
            },
        ),
        "orders": rows(
            40,
            lambda: {
                "customer": maybe(keys),
                "day": maybe(BIRTHDAYS),
                "value": maybe([0.0, 1.0, 2.5, -1.0, 19.75]),
                "genre": maybe(TEXTS),
                "performance": maybe([1, 2, 3, 9]),
            },
        ),
        "visits": rows(30, lambda: {"customer": maybe(keys), "at": moment(), "page": maybe(TEXTS)}),
        "notes": rows(20, lambda: {"customer": maybe(keys), "text": maybe(TEXTS)}),
        "events": rows(40, lambda: {"customer": maybe(keys), "at": moment(), "event": maybe(rules.NAMED)}),
        "performances": numbered(
            3,
            lambda: {
                "kind": maybe(TEXTS),
                "starts": moment(),
                "seats": maybe([0, 1, 30]),
                "venue": maybe(["1", "2", "x"]),
            },
        ),
        "venues": numbered(2, lambda: {"city": maybe(TEXTS), "opened": maybe(BIRTHDAYS)}, str),
        "households": numbered(2, lambda: {"size": maybe([1, 2, 30]), "place": maybe(TEXTS)}),
    }
    members = {
        name: [maybe(keys) for _ in range(chance.random.randrange(6))]
        for name in ("VIP", "STAFF", "local", "members")
    }
    return Sample(number, tables, members, chance.zone)


def random_rules(count: int, number: int = 0) -> list[Node]:
    """So many different rules and computed fields that can be asked, the same for the same number."""
    found: dict[Node, None] = {}

    def collect(node: Node) -> None:
        if len(found) < count and not check(node, SCHEMA):
            found.setdefault(node)

    while len(found) < count:
        _each(count - len(found) + 20, number, collect)
        number += 1
    return list(found)


def _each(count: int, number: int, collect: Callable[[Node], None]) -> None:
    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=False,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(rules.rules(), rules.rules(), rules.rules(), rules.fields()))
    def draw(node: Node) -> None:
        collect(node)

    draw()
