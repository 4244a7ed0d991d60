"""How DuckDB says what engines say differently; the others say here and there something else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir

INSTANT, LOCAL = "timestamp('UTC')", "timestamp"


class Dialect:
    """Everything takes and answers columns. Times without an offset are what the wall clock showed."""

    name = "duckdb"  # as Ibis calls it

    def statement(self, expression: ibis.Table) -> str:
        """The SQL text."""
        import ibis

        return str(ibis.to_sql(expression, dialect=self.name))

    # times

    def literal(self, moment: date | datetime) -> ir.Value:
        """A date, a time without an offset, or an instant."""
        import ibis

        return ibis.literal(moment)

    def wall(self, zone: str, instant: ir.Value) -> ir.Value:
        """What the wall clock of a zone shows, whatever the time zone of the session."""
        return function("timezone", ("string", INSTANT), LOCAL)(zone, self.instant(instant))

    def instant(self, value: ir.Value) -> ir.Value:
        return value.cast(INSTANT)

    def local(self, value: ir.Value) -> ir.Value:
        """A date as its midnight; a time without an offset as it is."""
        return value.cast(LOCAL)

    def day(self, value: ir.Value) -> ir.Value:
        """The date of a time without an offset."""
        return value.date()

    def next_day(self, day: ir.Value) -> ir.Value:
        import ibis

        return day + ibis.interval(days=1)

    def days(self, earlier: ir.Value, later: ir.Value) -> ir.Value:
        """How many days lie between two dates."""
        return later.delta(earlier, unit="day")

    def time_of_day(self, value: Any) -> Any:
        """Something that is the greater, the later in its day a time is."""
        seconds = (value.hour() * 60 + value.minute()) * 60 + value.second()
        return seconds.cast("int64") * 1_000_000 + value.microsecond()

    def later(self, value: Any, seconds: int) -> Any:
        import ibis

        return value + ibis.interval(seconds=seconds)

    # texts

    def lower(self, value: Any) -> Any:
        return value.lower()

    def upper(self, value: Any) -> Any:
        return value.upper()

    def title(self, value: Any) -> Any:
        words = value.split(" ").map(lambda word: word[0:1].upper() + word[1:])
        return (value == "").ifelse("", words.join(" "))

    def starts_with(self, value: Any, part: Any) -> Any:
        return value.startswith(part)

    def ends_with(self, value: Any, part: Any) -> Any:
        return value.endswith(part)

    def fits(self, value: Any, pattern: str) -> Any:
        """Does a regular expression fit the whole text, `.` also a line break?"""
        return value.re_search(f"(?s)^{pattern}$")

    def bytes(self, value: ir.Value) -> ir.Value:
        """How long a text is in UTF-8."""
        return function("strlen", ("string",), "int64")(value)

    def md5(self, value: ir.Value) -> ir.Value:
        return function("md5", ("string",), "string")(value)

    def number(self, value: ir.Value) -> ir.Value:
        """What a text says that is a number in digits, or null."""
        return value.cast("float64")

    def floor(self, value: Any) -> Any:
        return value.floor()

    def ceil(self, value: Any) -> Any:
        return value.ceil()

    # rows

    def sortable(self, value: ir.Value) -> ir.Value:
        """Orders as the value does: texts by their characters' numbers, whatever language is set."""
        return value

    def least(self, column: Any) -> Any:
        return column.min()

    def greatest(self, column: Any) -> Any:
        return column.max()

    def earliest(self, column: Any, at: Any, where: Any) -> Any:
        """The value of the earliest row; of several the least."""
        return column.argmin(self._place(column, at), where=where)

    def latest(self, column: Any, at: Any, where: Any) -> Any:
        """The value of the latest row; of several the greatest."""
        return column.argmax(self._place(column, at), where=where)

    def _place(self, column: Any, at: Any) -> Any:
        import ibis

        return ibis.struct({"at": at, "value": self.sortable(column)})

    def median(self, column: Any) -> Any:
        return column.median()

    def distinct(self, column: Any) -> Any:
        return column.nunique()

    def lesser(self, value: Any) -> Any:
        """How many of the known values of all rows are less than this one's."""
        import ibis

        return value.rank().over(ibis.window(group_by=value.isnull(), order_by=value))

    def joined(self, column: Any) -> Any:
        """A column of a table that is joined: null where there is no such row."""
        return column


@cache
def function(name: str, takes: tuple[Any, ...], returns: Any, *, of_rows: bool = False) -> Callable[..., Any]:
    """A function that the engine has; `of_rows` for one that sums up many."""
    import ibis

    shapes = [lambda a: ..., lambda a, b: ..., lambda a, b, c: ..., lambda a, b, c, d: ...]
    make = ibis.udf.agg if of_rows else ibis.udf.scalar
    found: Callable[..., Any] = make.builtin(shapes[len(takes) - 1], name=name, signature=(takes, returns))
    return found


def letter_by_letter(letters: Any, change: Callable[[Any], Any]) -> Any:
    """Letters of which one may become several (ß as SS) stay as they are, as in other engines."""

    def one(letter: Any) -> Any:
        changed = change(letter)
        return (function("char_length", ("string",), "int64")(changed) == 1).ifelse(changed, letter)

    return letters.map(one).join("")
