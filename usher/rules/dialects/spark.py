"""Spark: times that a wall clock showed are TIMESTAMP_NTZ, instants TIMESTAMP."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from usher.rules.dialects.base import INSTANT, LOCAL, Dialect, function, letter_by_letter

if TYPE_CHECKING:
    import ibis


class Spark(Dialect):
    name = "pyspark"

    def statement(self, expression: ibis.Table) -> str:
        import ibis

        assert ibis.pyspark  # so that its options are known to the compiler
        return super().statement(expression)

    def literal(self, moment: date | datetime) -> Any:
        if isinstance(moment, datetime) and moment.tzinfo is None:
            return _local(moment.isoformat(" "), "string")
        return super().literal(moment)

    def wall(self, zone: str, instant: Any) -> Any:
        """When a clock in UTC shows the same, counted from 1970: no session has a say in it."""
        there = function("from_utc_timestamp", (INSTANT, "string"), INSTANT)(instant, zone)
        micros = function("unix_micros", (INSTANT,), "int64")(there)
        day = (micros / 86_400_000_000).floor().cast("int32")
        seconds = (micros - day.cast("int64") * 86_400_000_000).cast("decimal(18, 6)") / 1_000_000
        since = function("make_dt_interval", ("int32", "int32", "int32", "decimal(18, 6)"), "interval('us')")
        return _local("1970-01-01 00:00:00", "string") + since(day, 0, 0, seconds)

    def instant(self, value: Any) -> Any:
        return value

    def local(self, value: Any) -> Any:
        return _local(value, "date") if value.type().is_date() else value

    def time_of_day(self, value: Any) -> Any:
        second = function("date_part", ("string", LOCAL), "decimal(8, 6)")("SECOND", value)
        return (value.hour() * 60 + value.minute()).cast("int64") * 60 + second

    def lower(self, value: Any) -> Any:
        return self._cased("lower", value)

    def upper(self, value: Any) -> Any:
        return self._cased("upper", value)

    def _cased(self, name: str, value: Any) -> Any:
        change = function(name, ("string",), "string")
        return value.re_search("[^\\x00-\\x7f]").ifelse(
            letter_by_letter(_letters(value), change), change(value)
        )

    def title(self, value: Any) -> Any:
        upper = function("upper", ("string",), "string")
        length = function("char_length", ("string",), "int64")

        def titled(word: Any) -> Any:
            first = word[0:1]
            return (length(upper(first)) == 1).ifelse(upper(first), first) + word[1:]

        return (value == "").ifelse("", value.split(" ").map(titled).join(" "))

    def fits(self, value: Any, pattern: str) -> Any:
        """`$` would leave out a line break at the end."""
        return value.re_search(f"(?s)^{pattern}\\z")

    def bytes(self, value: Any) -> Any:
        return function("octet_length", ("string",), "int64")(value)


def _local(value: Any, takes: str) -> Any:
    return function("to_timestamp_ntz", (takes,), LOCAL)(value)


def _letters(value: Any) -> Any:
    every = function("regexp_extract_all", ("string", "string", "int64"), "array<string>")
    return every(value, "(?s).", 0)
