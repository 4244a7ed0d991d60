"""ClickHouse: dates are Date32 and times DateTime64(6, 'UTC'), also those that a wall clock showed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from usher.rules.dialects.base import INSTANT, LOCAL, Dialect, function, letter_by_letter


class ClickHouse(Dialect):
    name = "clickhouse"

    def literal(self, moment: date | datetime) -> Any:
        """Ibis would write types that begin in 1970."""
        if not isinstance(moment, datetime):
            return function("toDate32", ("string",), "date")(moment.isoformat())
        kind = INSTANT if moment.tzinfo else LOCAL
        plain = (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)
        return _time(plain.isoformat(" "), "string", kind)

    def wall(self, zone: str, instant: Any) -> Any:
        there = function("toTimeZone", (INSTANT, "string"), INSTANT)(instant, zone)
        offset = function("timeZoneOffset", (INSTANT,), "int64")(there)
        return function("addSeconds", (INSTANT, "int64"), LOCAL)(instant, offset)

    def instant(self, value: Any) -> Any:
        return value

    def local(self, value: Any) -> Any:
        return _time(value, "date", LOCAL) if value.type().is_date() else value

    def day(self, value: Any) -> Any:
        return function("toDate32", (LOCAL,), "date")(value)

    def time_of_day(self, value: Any) -> Any:
        micros = function("toUnixTimestamp64Micro", (LOCAL,), "int64")(value)
        return function("positiveModulo", ("int64", "int64"), "int64")(micros, 86_400_000_000)

    def lower(self, value: Any) -> Any:
        return self._cased("lowerUTF8", value)

    def upper(self, value: Any) -> Any:
        return self._cased("upperUTF8", value)

    def _cased(self, name: str, value: Any) -> Any:
        change = function(name, ("string",), "string")
        return value.re_search("[^\\x00-\\x7f]").ifelse(
            letter_by_letter(_letters(value), change), change(value)
        )

    def title(self, value: Any) -> Any:
        upper = function("upperUTF8", ("string",), "string")
        part = function("substringUTF8", ("string", "int64", "int64"), "string")
        rest = function("substringUTF8", ("string", "int64"), "string")
        length = function("char_length", ("string",), "int64")

        def titled(word: Any) -> Any:
            first = part(word, 1, 1)
            return (length(upper(first)) == 1).ifelse(upper(first), first) + rest(word, 2)

        words = function("splitByChar", ("string", "string"), "array<string>")(" ", value.fill_null(""))
        return value.isnull().ifelse(None, words.map(titled).join(" "))

    def bytes(self, value: Any) -> Any:
        return function("length", ("string",), "int64")(value)

    def md5(self, value: Any) -> Any:
        digest = function("hex", ("binary",), "string")(function("MD5", ("string",), "binary")(value))
        return function("lower", ("string",), "string")(digest)

    def number(self, value: Any) -> Any:
        return function("toFloat64OrNull", ("string",), "float64")(value)

    def floor(self, value: Any) -> Any:
        """Not made a whole number: what is infinite behind a null could not be."""
        return function("floor", ("float64",), "float64")(value)

    def ceil(self, value: Any) -> Any:
        return function("ceil", ("float64",), "float64")(value)

    def median(self, column: Any) -> Any:
        return function("quantileExactInclusive", ("float64",), "float64", of_rows=True)(column)

    def distinct(self, column: Any) -> Any:
        return function("uniqExact", (column.type(),), "int64", of_rows=True)(column)

    def lesser(self, value: Any) -> Any:
        """The rank that Ibis writes, over ROWS, is different for equal values in ClickHouse."""
        import ibis

        up_to = ibis.range_window(group_by=value.isnull(), order_by=value, following=0)
        return value.count().over(up_to) - value.count().over(ibis.window(group_by=value))

    def joined(self, column: Any) -> Any:
        """A type that has no null would be 0 or an empty text."""
        return function("toNullable", (column.type(),), column.type())(column)


def _time(value: Any, takes: str, kind: str) -> Any:
    return function("toDateTime64", (takes, "int64", "string"), kind)(value, 6, "UTC")


def _letters(value: Any) -> Any:
    return function("extractAll", ("string", "string"), "array<string>")(value.fill_null(""), "(?s).")
