"""Functions of numbers, and of choosing between values: round, floor, ceil, abs, coalesce, if, quantile."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from usher.rules.clock import Clock
from usher.rules.functions.registry import ANY, Function
from usher.rules.schema import Type

if TYPE_CHECKING:
    import ibis.expr.types as ir

NUMBER: tuple[Type, ...] = ("number",)
#: Beyond this a number with a fraction does not fit into a whole number of any engine.
_GREATEST = 9e18


def as_float(value: Any) -> float | None:
    """A number of an event as a float; None for anything else, and for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _countable(value: ir.Value, scale: float = 1.0) -> ir.Value:
    """Missing where a number is too great to be made whole (or is none, as in some files)."""
    import ibis

    number = value.cast("float64")
    return ibis.cases((number.abs() < _GREATEST / scale, number))


def _round_ibis(clock: Clock, value: ir.Value, digits: int = 0) -> ir.Value:
    """Halves go away from zero, on every engine."""
    import ibis

    if value.type().is_integer():
        return value
    scale = float(10**digits)
    number = _countable(value, scale)
    scaled = clock.dialect.floor(number.abs() * ibis.literal(scale) + 0.5)
    signed = scaled * (number < 0).ifelse(-1, 1)
    return signed if digits == 0 else signed.cast("float64") / ibis.literal(scale)


def _round_python(clock: Clock, value: Any, digits: Any = 0) -> float | None:
    number, scale = as_float(value), float(10**digits)
    if number is None or abs(number) >= _GREATEST / scale:
        return None
    signed = math.floor(abs(number) * scale + 0.5) * (-1 if number < 0 else 1)
    return signed if digits == 0 else signed / scale


def wrong_digits(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 6:
        return None
    return "round takes a whole number of digits from 0 to 6, for example round(x, 2)."


def wrong_parts(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= 100:
        return None
    return "quantile takes a whole number of parts from 2 to 100, for example quantile(x, 10)."


def _whole_python(change: Any) -> Any:
    def convert(clock: Clock, value: Any) -> Any:
        number = as_float(value)
        return change(number) if number is not None and abs(number) < _GREATEST else None

    return convert


def _abs_python(clock: Clock, value: Any) -> Any:
    return abs(value) if as_float(value) is not None else None


def _coalesce_ibis(clock: Clock, *values: ir.Value) -> ir.Value:
    import ibis

    return ibis.coalesce(*values)


def _quantile_ibis(clock: Clock, value: Any, parts: int) -> ir.Value:
    """1 for the least to `parts` for the greatest; equal values are in the same part."""
    import ibis

    known = ibis.window(group_by=value.isnull())
    lesser = clock.dialect.lesser(value)
    part = clock.dialect.floor((lesser * parts).cast("float64") / value.count().over(known).nullif(0)) + 1
    return ibis.cases((value.notnull(), part))


FUNCTIONS = (
    Function(
        name="round",
        takes=(NUMBER, NUMBER),
        returns="number",
        says="the nearest whole number, or so many digits after the point; halves away from zero",
        example="round(avg(bookings.total)) >= 50",
        phrase=lambda value, digits="0": (
            f"{value} rounded to a whole number"
            if digits == "0"
            else f"{value} rounded to {digits} decimal place" + "s" * (digits != "1")
        ),
        ibis=_round_ibis,
        python=_round_python,
        optional=1,
        literal=(1,),
        wrong=wrong_digits,
    ),
    Function(
        name="floor",
        takes=(NUMBER,),
        returns="number",
        says="the greatest whole number that is not greater",
        example="floor(avg(bookings.total)) = 40",
        phrase=lambda value: f"{value} rounded down",
        ibis=lambda clock, value: (
            value if value.type().is_integer() else clock.dialect.floor(_countable(value))
        ),
        python=_whole_python(math.floor),
    ),
    Function(
        name="ceil",
        takes=(NUMBER,),
        returns="number",
        says="the least whole number that is not less",
        example="ceil(avg(bookings.total)) = 41",
        phrase=lambda value: f"{value} rounded up",
        ibis=lambda clock, value: (
            value if value.type().is_integer() else clock.dialect.ceil(_countable(value))
        ),
        python=_whole_python(math.ceil),
    ),
    Function(
        name="abs",
        takes=(NUMBER,),
        returns="number",
        says="the number without its sign",
        example="abs(sum(bookings.total) - 100) < 20",
        phrase=lambda value: f"the distance of {value} from 0",
        ibis=lambda clock, value: value.abs(),
        python=_abs_python,
    ),
    Function(
        name="coalesce",
        takes=(ANY, ANY),
        returns="same",
        says="the first of the values that is not missing",
        example='coalesce(country, "unknown") = "unknown"',
        phrase=lambda value, *others: f"{value} ({' or else '.join(others)} if not known)",
        ibis=_coalesce_ibis,
        python=lambda clock, *values: next((value for value in values if value is not None), None),
        repeats=True,
    ),
    Function(
        name="if",
        takes=(("boolean",), ANY, ANY),
        returns="same",
        says="the second value where the condition holds, else the third",
        example='if(country = "GB", 20, 50) < sum(bookings.total)',
        phrase=lambda condition, value: f"{value} if {condition}",
        ibis=lambda clock, condition, one, other: condition.fill_null(False).ifelse(one, other),
        python=lambda clock, condition, one, other: one if condition is True else other,
    ),
    Function(
        name="quantile",
        takes=(NUMBER, NUMBER),
        returns="number",
        says="in which of so many equal parts of all customers the value is, from 1 (least) up",
        example="quantile(sum(bookings.total), 4) = 4",
        phrase=lambda value, parts: f"the part from 1 (least) to {parts} that they are in by {value}",
        ibis=_quantile_ibis,
        python=None,
        literal=(1,),
        wrong=wrong_parts,
        of_all=True,
    ),
)
