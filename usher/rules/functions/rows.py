"""Functions of a related table's rows: exists, count, sum, min, max, avg, first, last … and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from usher.rules.clock import Clock
from usher.rules.functions.registry import ANY, RowFunction

if TYPE_CHECKING:
    import ibis.expr.types as ir


def _known(column: Any, where: Any) -> Any:
    return column.notnull() if where is None else column.notnull() & where


def _where(column: Any, where: Any) -> Any:
    """The column where the condition holds, else null: engines are quicker with it than with FILTER."""
    import ibis

    return column if where is None else ibis.cases((where, column))


def _count(clock: Clock, rows: ir.Table, column: Any, where: Any, at: Any) -> ir.Value:
    import ibis

    if where is None or where.op().shape.is_scalar():  # the same for all rows, as `x in []` is
        return rows.count(where=where)
    return _where(ibis.literal(1), where).count()


#: Greater numbers than this have no six decimals that could be told from each other.
_GREATEST = 9e9


def _settled(value: Any) -> Any:
    """Fractions are told to six decimals: adding them in another order must not change who is in."""
    import ibis

    if not value.type().is_floating():
        return value
    whole = (value.abs() * ibis.literal(1e6) + 0.5).floor().cast("float64") * (value < 0).ifelse(-1.0, 1.0)
    return ibis.cases((value.abs() < _GREATEST, whole / ibis.literal(1e6)), else_=value)


def _first(clock: Clock, rows: ir.Table, column: Any, where: Any, at: Any) -> ir.Value:
    """The earliest known value; of several at the same moment the least."""
    if column.equals(at):
        return _where(column, where).min()
    return clock.dialect.earliest(column, at, _known(column, where))


def _last(clock: Clock, rows: ir.Table, column: Any, where: Any, at: Any) -> ir.Value:
    """The latest known value; of several at the same moment the greatest."""
    if column.equals(at):
        return _where(column, where).max()
    return clock.dialect.latest(column, at, _known(column, where))


def _recency(clock: Clock, rows: ir.Table, column: Any, where: Any, at: Any) -> ir.Value:
    return _where(at, where).max()


def _frequency(clock: Clock, rows: ir.Table, column: Any, where: Any, at: Any) -> ir.Value:
    """How many rows; missing (not 0) for who has none: they have no score."""
    return _count(clock, rows, column, where, at).nullif(0)


FUNCTIONS = (
    RowFunction(
        name="exists",
        of_column=False,
        takes=(),
        returns="boolean",
        says="whether there is such a row",
        phrase="whether they have any {rows}",
        example="exists(bookings where total > 100)",
        ibis=lambda clock, rows, column, where, at: _count(clock, rows, column, where, at) > 0,
        empty=False,
    ),
    RowFunction(
        name="count",
        of_column=False,
        takes=(),
        returns="number",
        says="how many such rows there are",
        phrase="the number of their {rows}",
        example="count(bookings) >= 3",
        ibis=_count,
        empty=0,
    ),
    RowFunction(
        name="sum",
        of_column=True,
        takes=("number",),
        returns="number",
        says="the values added up; fractions are told to six decimals; 0 without rows",
        phrase="the sum of the {column} of their {rows}",
        example="sum(bookings.total where booked_at within 6 months) > 100",
        ibis=lambda clock, rows, column, where, at: _settled(_where(column, where).sum()),
        empty=0,
    ),
    RowFunction(
        name="min",
        of_column=True,
        takes=("number", "date", "instant", "text"),
        returns=None,
        says="the least value",
        phrase="the least {column} of their {rows}",
        example="min(bookings.total) = 0",
        ibis=lambda clock, rows, column, where, at: clock.dialect.least(_where(column, where)),
    ),
    RowFunction(
        name="max",
        of_column=True,
        takes=("number", "date", "instant", "text"),
        returns=None,
        says="the greatest value",
        phrase="the greatest {column} of their {rows}",
        example="max(bookings.total) > 100",
        ibis=lambda clock, rows, column, where, at: clock.dialect.greatest(_where(column, where)),
    ),
    RowFunction(
        name="avg",
        of_column=True,
        takes=("number",),
        returns="number",
        says="the average value, told to six decimals",
        phrase="the average {column} of their {rows}",
        example="avg(bookings.total) > 50",
        ibis=lambda clock, rows, column, where, at: _settled(_where(column, where).mean()),
    ),
    RowFunction(
        name="first",
        of_column=True,
        takes=("number", "date", "instant", "text", "boolean"),
        returns=None,
        says="the value in the earliest row",
        phrase="the {column} of their first {row}",
        example='first(bookings.booked_at) before "2023-06-01"',
        ibis=_first,
        needs_time=True,
    ),
    RowFunction(
        name="last",
        of_column=True,
        takes=("number", "date", "instant", "text", "boolean"),
        returns=None,
        says="the value in the latest row",
        phrase="the {column} of their last {row}",
        example="last(bookings.booked_at) before 1 year ago",
        ibis=_last,
        needs_time=True,
    ),
    RowFunction(
        name="distinct",
        of_column=True,
        takes=ANY,
        returns="number",
        says="how many different values there are; missing ones do not count",
        phrase="the number of different {columns} of their {rows}",
        example="distinct(bookings.genre) >= 2",
        ibis=lambda clock, rows, column, where, at: clock.dialect.distinct(_where(column, where)),
        empty=0,
    ),
    RowFunction(
        name="median",
        of_column=True,
        takes=("number",),
        returns="number",
        says="the value in the middle; of an even number of rows the mean of the two",
        phrase="the median {column} of their {rows}",
        example="median(bookings.total) > 40",
        ibis=lambda clock, rows, column, where, at: clock.dialect.median(
            _where(column.cast("float64"), where)
        ),
    ),
    RowFunction(
        name="most_frequent",
        of_column=True,
        takes=ANY,
        returns=None,
        says="the value that most rows have; of several the least, missing ones do not count",
        phrase="the most frequent {column} of their {rows}",
        example='most_frequent(bookings.genre) = "opera"',
        ibis=None,  # counts each value first
    ),
    RowFunction(
        name="recency_score",
        of_column=False,
        takes=(),
        returns="number",
        says="5 for the fifth of all customers with such rows whose last one is the latest, down to 1",
        phrase="their recency score (1 to 5) for {rows}",
        example="recency_score(bookings) = 5",
        ibis=_recency,
        needs_time=True,
        score=True,
    ),
    RowFunction(
        name="frequency_score",
        of_column=False,
        takes=(),
        returns="number",
        says="5 for the fifth of all customers with such rows who have the most, down to 1",
        phrase="their frequency score (1 to 5) for {rows}",
        example="frequency_score(bookings) >= 4",
        ibis=_frequency,
        score=True,
    ),
    RowFunction(
        name="monetary_score",
        of_column=True,
        takes=("number",),
        returns="number",
        says="5 for the fifth of all customers with such rows whose sum is the greatest, down to 1",
        phrase="their monetary score (1 to 5) for the {column} of {rows}",
        example="monetary_score(bookings.total) = 5",
        ibis=lambda clock, rows, column, where, at: _settled(_where(column, where).sum()),
        score=True,
    ),
)
