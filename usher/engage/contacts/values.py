"""The values of data fields: what a caller may send, and what is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from usher.engage.models.contacts import FieldType

#: What a contact carries: text, a number, yes or no, or an ISO date as text. Nothing stands for empty.
Value = str | int | float | bool

LONGEST_TEXT = 1000
#: Digits before and after the point of a number.
WHOLE_DIGITS = 18
DECIMAL_DIGITS = 9
#: From here on a number with a point, as JSON is read, may be another than the one that was sent.
EXACT = 2**53
TOO_LONG = "ERROR_DATAFIELD_VALUE_OVERFLOW"

_TRUE = frozenset({"true", "yes", "y", "1"})
_FALSE = frozenset({"false", "no", "n", "0"})
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", re.ASCII)


class MisfitError(ValueError):
    """A value does not fit its data field; `token` is Dotdigital's word for it."""

    def __init__(self, message: str, token: str = "ERROR_DATAFIELD_INVALID") -> None:
        super().__init__(message)
        self.token = token


def typed(kind: str, value: object) -> Value | None:
    """`value` as a field of this type keeps it; None when it is empty. MisfitError when it does not fit."""
    if value is None or value == "":
        return None
    return READERS[kind](value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise MisfitError("is not a text")
    return _text_in(str(value))


def _text_in(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise MisfitError(f"has more than {LONGEST_TEXT} characters", TOO_LONG)
    return text


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise MisfitError("is not a number")
    if isinstance(value, float) and abs(value) >= EXACT:
        raise MisfitError("has more digits than JSON tells exactly; send it as text", TOO_LONG)
    return _number_in(str(value))


@lru_cache(4096)
def _number_in(text: str) -> int | float | None:
    text = text.strip()
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise MisfitError("is not a number") from None
    if not number.is_finite() or "_" in text or not text.isascii():
        raise MisfitError("is not a number")
    if number.adjusted() >= WHOLE_DIGITS:
        raise MisfitError(f"has more than {WHOLE_DIGITS} digits before the point", TOO_LONG)
    number = round(number, DECIMAL_DIGITS)
    if number == number.to_integral_value():
        return int(number)
    if Decimal(repr(float(number))) != number:
        raise MisfitError("has more digits than are kept exactly, which are 15", TOO_LONG)
    return float(number)


def _yes_or_no(value: object) -> bool | None:
    if not isinstance(value, str | int):
        raise MisfitError("is neither true nor false")
    return _yes_or_no_in(str(value))


@lru_cache(64)
def _yes_or_no_in(text: str) -> bool | None:
    word = text.strip().lower()
    if not word:
        return None
    if word not in _TRUE | _FALSE:
        raise MisfitError("is neither true nor false")
    return word in _TRUE


def _date(value: object) -> str | None:
    if not isinstance(value, str):
        raise MisfitError("is not a date of the form YYYY-MM-DD")
    return _date_in(value)


@lru_cache(4096)
def _date_in(text: str) -> str | None:
    """A day stays a day; a moment is kept in UTC."""
    text = text.strip()
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
        if _MOMENT.match(text):
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            return moment.isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        pass
    raise MisfitError("is not a date of the form YYYY-MM-DD")


#: The readers of cells: text that is not empty. What comes again and again is remembered, texts aside.
FROM_TEXT: dict[str, Callable[[str], Value | None]] = {
    FieldType.STRING: _text_in,
    FieldType.NUMERIC: _number_in,
    FieldType.BOOLEAN: _yes_or_no_in,
    FieldType.DATE: _date_in,
}
READERS: dict[str, Callable[[object], Value | None]] = {
    FieldType.STRING: _text,
    FieldType.NUMERIC: _number,
    FieldType.BOOLEAN: _yes_or_no,
    FieldType.DATE: _date,
}
