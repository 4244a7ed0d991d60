"""A made-up shop of any size as Parquet files: the same rows at every run, skewed and gappy as real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.ground import NOW

#: The first order stands so many days before NOW.
DAYS = 1096
COUNTRIES = ["GB"] * 9 + ["DE"] * 5 + ["FR"] * 4 + ["US"] * 3 + ["NL", "BE", "AT", "CH", "Côte d’Ivoire", ""]
GENRES = ["pop"] * 6 + ["jazz"] * 4 + ["opera"] * 3 + ["classical"] * 3 + ["folk", "film", "spoken", "Ópera"]
EVENTS = ["Page Viewed"] * 8 + ["Product Viewed"] * 4 + ["Cart Viewed"] * 2 + ["Product Added", "Signed In"]


@dataclass(frozen=True)
class Size:
    """How many rows there are; no events: there is no such table."""

    customers: int
    orders: int
    events: int = 0

    def __str__(self) -> str:
        return f"{self.customers / 1e6:g} M customers, {self.orders / 1e6:g} M orders"


SMALL = Size(1_000_000, 10_000_000)
LARGE = Size(5_000_000, 50_000_000, events=25_000_000)


@dataclass(frozen=True)
class Shop:
    """Where the files of one shop are; orders and events are globs, so that a day can be added."""

    folder: Path
    size: Size

    @property
    def tables(self) -> dict[str, str]:
        """Table -> its files."""
        named = ["customers", "orders", *(["events"] if self.size.events else [])]
        return {name: str(self.folder / name / "*.parquet") for name in named}

    def add_a_day(self, day: int) -> None:
        """The orders of a day after NOW (1: the first), a thousandth of what was there, as a further file."""
        more = self.size.orders // 1000
        first = self.size.orders + (day - 1) * more
        _write(_orders(self.size, first, first + more), self._file("orders", first))

    def forget_days(self) -> None:
        """Only what was there up to NOW is left."""
        for path in (self.folder / "orders").glob("*.parquet"):
            if path != self._file("orders", 0):
                path.unlink()

    def write(self) -> None:
        size = self.size
        _write(_people(size), self._file("customers", 0))
        _write(
            _happened("order", "ordered_at", ORDER, size, size.orders, 0, size.orders),
            self._file("orders", 0),
        )
        if size.events:
            _write(_events(size), self._file("events", 0))

    def _file(self, table: str, first: int) -> Path:
        return self.folder / table / f"{first:012}.parquet"


def shop(root: Path, size: Size = SMALL) -> Shop:
    """The files of a shop below `root`, written if they are not there yet."""
    made = Shop(root / f"shop-{size.customers}", size)
    if not made.folder.exists():
        made.write()
    return made


def _chance(of: str) -> str:
    """A number from 0 to below 1 that depends on the row's number `i` and on what it is wanted for."""
    return f"((hash(hash(i, '{of}')) >> 11)::double / 9007199254740992)"


def _pick(values: Sequence[str], of: str) -> str:
    return f"({list(values)})[1 + floor({_chance(of)} * {len(values)})::int]"


def _maybe(share: float, value: str, of: str) -> str:
    return f"case when {_chance(of + ' known')} < {share} then {value} end"


ORDER = f"""
    {_maybe(0.99, f"(5 - 40 * ln(1 - {_chance('total')}))::decimal(10, 2)", "total")} as total,
    (1 - 1.2 * ln(1 - {_chance("items")}))::smallint as items,
    {_maybe(0.97, _pick(GENRES, "genre"), "genre")} as genre"""
EVENT = f"""
    {_pick(EVENTS, "event")} as event,
    {_maybe(0.8, f"'/shop/' || floor(4000 * pow({_chance('page')}, 2))::int", "page")} as page"""


def _people(size: Size) -> str:
    return f"""
        select i as customer_id,
               {_maybe(0.97, "'person' || i || '@example.net'", "email")} as email,
               {_maybe(0.98, _pick(COUNTRIES, "country"), "country")} as country,
               (timestamp '{NOW:%Y-%m-%d}' - to_days(({DAYS} - {DAYS} * i // {size.customers})::int))::date
                   as joined,
               {_maybe(0.7, f"date '1915-01-01' + (28000 * {_chance('born')})::int", "birthday")} as birthday,
               {_maybe(0.95, f"{_chance('opted in')} > 0.35", "opted in")} as opted_in
        from range({size.customers}) as numbers(i)"""


def _orders(size: Size, first: int, last: int) -> str:
    return _happened("order", "ordered_at", ORDER, size, size.orders, first, last)


def _events(size: Size) -> str:
    return _happened("event", "happened_at", EVENT, size, size.events, 0, size.events)


def _happened(noun: str, at: str, columns: str, size: Size, count: int, first: int, last: int) -> str:
    """Rows `first` to `last` of `count`, by time; the rows after `count` belong to the days after NOW.

    Newer customers do more; one of 20 ten times as much, one of 500 a hundred times; every tenth nothing.
    """
    before = f"({-DAYS * 86_400e6} * (1 - share))::bigint"
    after = f"(i - {count}) * 86400000000 // ({count} // 1000) + 1"
    newest = f"{size.customers * 9 // 10 - 1} * share"
    loyal = _chance(f"{noun} loyal")
    return f"""
        select i as {noun}_id, buyer + buyer // 9 as customer_id, {columns},
               timestamptz '{NOW}'
                   + to_microseconds(case when i < {count} then {before} else {after} end) as {at}
        from (select i, share, case when {loyal} > 0.4 then anybody
                                    when {loyal} > 0.1 then anybody - anybody % 20
                                    else anybody - anybody % 500 end as buyer
              from (select i, share,
                           floor({newest} * (1 - pow({_chance(f"{noun} who")}, 2)))::bigint as anybody
                    from (select i, pow(least(1, i / {count}), 0.8) as share
                          from range({first}, {last}) as numbers(i))))"""


def _write(query: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        engine.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd)")
