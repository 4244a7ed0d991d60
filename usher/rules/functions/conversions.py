"""Functions that make one kind of value of another: number, string, bool; and typeof, which says the kind."""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from usher.rules.clock import Clock
from usher.rules.functions.registry import Function
from usher.rules.functions.text import BLANKS

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: So long that every engine can hold it: a longer one is not taken for a number.
_NUMBER = r"^-?[0-9]{1,250}(\.[0-9]{1,250})?$"
_WHOLE = re.compile(r"-?[0-9]{1,18}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _number_ibis(clock: Clock, value: ir.Value) -> ir.Value:
    kind = value.type()
    if kind.is_string():
        plain = value.strip()
        return clock.dialect.number(plain.re_search(_NUMBER).ifelse(plain, None))
    return value.ifelse(1, 0) if kind.is_boolean() else value


def _number_python(clock: Clock, value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        return value if _is_number(value) else None
    plain = value.strip(BLANKS)
    if not re.fullmatch(_NUMBER[1:-1], plain):
        return None
    return int(plain) if _WHOLE.fullmatch(plain) else float(plain)


def _string_python(clock: Clock, value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    written = in_digits(value)
    return written if isinstance(written, str) else None


def in_digits(value: Any) -> Any:
    """A number as it would be written out: `5`, also for 5.0; anything else as it is."""
    if not _is_number(value):
        return value
    if isinstance(value, int):
        return f"{Decimal(value):f}"
    if not math.isfinite(value):
        return None
    written = f"{Decimal(repr(value)) if isinstance(value, float) else value:f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written == "-0" else written


def _bool_python(clock: Clock, value: Any) -> bool | None:
    if _is_number(value):
        return bool(value != 0)
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value)
    return value if isinstance(value, bool) else None


def _typeof_python(clock: Clock, value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str() | date():
            return "string"
        case list() | tuple():
            return "list"
        case _:
            return "number" if _is_number(value) else "object"


FUNCTIONS = (
    Function(
        name="number",
        takes=(("text", "number", "boolean"),),
        returns="number",
        says=(
            "the number that a text writes out in digits, such as -5 or 19.99; 1 and 0 for true and false;"
            " missing for any other text"
        ),
        example="number(postcode) > 5000",
        phrase=lambda value: f"the number in {value}",
        ibis=_number_ibis,
        python=_number_python,
    ),
    Function(
        name="string",
        takes=(("text", "number", "boolean"),),
        returns="text",
        says=(
            "the value as a text: a number in plain digits (5.0 is 5), true and false as such;"
            " missing for lists and objects"
        ),
        example='string(properties.size) = "42"',
        phrase=lambda value: f"{value} as a text",
        ibis=None,
        python=_string_python,
    ),
    Function(
        name="bool",
        takes=(("text", "number", "boolean"),),
        returns="boolean",
        says=(
            'true and false as they are and for the texts "true" and "false"; of numbers, whether it is not'
            " 0; missing for anything else"
        ),
        example="bool(properties.gift)",
        phrase=lambda value, negated: f"{value} is {'not ' * negated}true when read as yes or no",
        ibis=None,
        python=_bool_python,
    ),
    Function(
        name="typeof",
        takes=(("text", "number", "boolean", "date", "instant"),),
        returns="text",
        says='the kind of a value: "string", "number", "bool", "list", "object" or "null"',
        example='typeof(properties.size) = "number"',
        phrase=lambda value: f"the kind of {value}",
        ibis=None,
        python=_typeof_python,
    ),
)
