"""SQLite: times are texts as Python writes them, in UTC and without an offset; and functions it lacks.

A connection has them after `prepare(connection)`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from usher.rules.dialects.base import INSTANT, LOCAL, Dialect, function

if TYPE_CHECKING:
    import ibis


class SQLite(Dialect):
    name = "sqlite"

    def statement(self, expression: ibis.Table) -> str:
        """With named subqueries: SQLite reads no more than some dozens inside of each other."""
        import sqlglot
        from sqlglot.optimizer.eliminate_subqueries import eliminate_subqueries

        written = sqlglot.parse_one(super().statement(expression), dialect="sqlite")
        return eliminate_subqueries(written).sql("sqlite")

    def wall(self, zone: str, instant: Any) -> Any:
        return function("usher_wall", ("string", INSTANT), LOCAL)(zone, instant)

    def instant(self, value: Any) -> Any:
        return value

    def local(self, value: Any) -> Any:
        return function("usher_midnight", ("date",), LOCAL)(value) if value.type().is_date() else value

    def day(self, value: Any) -> Any:
        return function("date", (LOCAL,), "date")(value)

    def next_day(self, day: Any) -> Any:
        return function("date", ("date", "string"), "date")(day, "+1 day")

    def time_of_day(self, value: Any) -> Any:
        return value.cast("string").substr(11)

    def later(self, value: Any, seconds: int) -> Any:
        kind = value.type()
        return function("usher_later", (kind, "int64"), kind)(value, seconds)

    def lower(self, value: Any) -> Any:
        return function("usher_lower", ("string",), "string")(value)

    def upper(self, value: Any) -> Any:
        return function("usher_upper", ("string",), "string")(value)

    def title(self, value: Any) -> Any:
        return function("usher_title", ("string",), "string")(value)

    def starts_with(self, value: Any, part: Any) -> Any:
        return function("usher_starts", ("string", "string"), "boolean")(value, part)

    def ends_with(self, value: Any, part: Any) -> Any:
        return function("usher_ends", ("string", "string"), "boolean")(value, part)

    def fits(self, value: Any, pattern: str) -> Any:
        """Python's `$` would leave out a line break at the end."""
        return value.re_search(f"(?s)^{pattern}\\Z")

    def bytes(self, value: Any) -> Any:
        return function("usher_bytes", ("string",), "int64")(value)

    def md5(self, value: Any) -> Any:
        return function("usher_md5", ("string",), "string")(value)

    def earliest(self, column: Any, at: Any, where: Any) -> Any:
        return self._at("usher_earliest", column, at, where)

    def latest(self, column: Any, at: Any, where: Any) -> Any:
        return self._at("usher_latest", column, at, where)

    def _at(self, name: str, column: Any, at: Any, where: Any) -> Any:
        import ibis

        kind = column.type()
        found = function(name, (at.type(), kind), kind, of_rows=True)
        return found(ibis.cases((where, at)), column)

    def median(self, column: Any) -> Any:
        return function("usher_median", ("float64",), "float64", of_rows=True)(column)


def prepare(connection: sqlite3.Connection) -> None:
    """Gives a connection the functions that SQLite lacks."""
    for name, plain in _FUNCTIONS.items():
        takes = plain.__code__.co_argcount
        connection.create_function(name, takes, _of_known(plain), deterministic=True)
    aggregates: dict[str, tuple[int, Any]] = {
        "usher_median": (1, _Median),
        "usher_earliest": (2, _Earliest),
        "usher_latest": (2, _Latest),
    }
    for name, (count, made) in aggregates.items():
        connection.create_aggregate(name, count, made)


def _of_known(made: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if None in values else made(*values)


def _wall(zone: str, instant: str) -> str:
    there = datetime.fromisoformat(instant).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return there.replace(tzinfo=None).isoformat(" ")


def _later(moment: str, seconds: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(seconds=seconds)).isoformat(" ")


def _each(change: Callable[[str], str], text: str) -> str:
    """One character for one character, as databases do it (`ß` stays `ß`)."""
    return "".join(new if len(new := change(old)) == 1 else old for old in text)


def _title(text: str) -> str:
    return " ".join(_each(str.upper, word[:1]) + word[1:] for word in text.split(" "))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "usher_wall": _wall,
    "usher_midnight": lambda day: f"{day} 00:00:00",
    "usher_later": _later,
    "usher_lower": lambda text: _each(str.lower, text),
    "usher_upper": lambda text: _each(str.upper, text),
    "usher_title": _title,
    "usher_starts": lambda text, part: text.startswith(part),
    "usher_ends": lambda text, part: text.endswith(part),
    "usher_bytes": lambda text: len(text.encode()),
    "usher_md5": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
}


class _Median:
    def __init__(self) -> None:
        self.values: list[float] = []

    def step(self, value: float | None, /) -> None:
        if value is not None:
            self.values.append(value)

    def finalize(self) -> float | None:
        return median(self.values) if self.values else None


class _Earliest:
    def __init__(self) -> None:
        self.found: tuple[Any, Any] | None = None

    def step(self, at: Any, value: Any, /) -> None:
        if at is not None and value is not None and (self.found is None or self.before((at, value))):
            self.found = (at, value)

    def before(self, other: tuple[Any, Any]) -> bool:
        assert self.found is not None
        return other < self.found

    def finalize(self) -> Any:
        return self.found[1] if self.found else None


class _Latest(_Earliest):
    def before(self, other: tuple[Any, Any]) -> bool:
        assert self.found is not None
        return other > self.found
