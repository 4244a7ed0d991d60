"""Reads what callers send: numbers that may be text, moments, pages, choices in any case."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet, TextChoices
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid

M = TypeVar("M", bound=Model)
C = TypeVar("C", bound=TextChoices)

LARGEST_ID = 2**63 - 1
MOST = 1000


def whole(value: object, name: str) -> int:
    """A whole number, also as text."""
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,19}\s*", value, re.ASCII):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_ID:
        raise invalid(f"{name} is not a number.")
    return value


def wholes(value: object, name: str) -> list[int]:
    """A list of ids, each once and in order; nothing for null."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(f"{name} is not a list.")
    return list(dict.fromkeys(whole(one, name) for one in value))


def flag(call: Call, name: str) -> bool:
    return call.query.get(name.lower(), "").lower() in ("true", "1")


def text(value: object, name: str, token: str = "ERROR_PARAMETER_INVALID") -> str:
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"The {name} field is required.", token)
    return value


def choice(value: object, choices: type[C], name: str) -> C | None:
    """The choice of this name in any case of letters; None when nothing was sent."""
    if value is None or value == "":
        return None
    for one in choices:
        if one.value.lower() == str(value).lower():
            return one
    raise invalid(f"{name} is not one of {', '.join(choices.values)}.")


def guid(value: str, unknown: ApiError) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise unknown from None


def since(value: str) -> datetime:
    """A day or a moment of a path, UTC unless it says otherwise."""
    try:
        if not re.match(r"\d{4}-\d\d-\d\d", value):
            raise ValueError
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(f"'{value}' is not a date.") from None


def window(call: Call, most: int = MOST, names: Iterable[str] = ("select",)) -> slice:
    """The rows that `select` and `skip` ask for: 1 to `most` of them, all that fit when nothing is said."""
    sent = next((call.query[name] for name in names if name in call.query), most)
    select, skip = whole(sent, "select"), whole(call.query.get("skip", 0), "skip")
    if not 1 <= select <= most:
        raise invalid(f"select must be between 1 and {most}.")
    if skip < 0:
        raise invalid("skip must not be negative.")
    return slice(skip, min(skip + select, LARGEST_ID))


def page(
    call: Call, rows: QuerySet[M], shape: Callable[[M], dict[str, Any]], **window_of: Any
) -> HttpResponse:
    """One page of rows in the order of their ids, which new rows do not disturb."""
    return reply([shape(row) for row in rows.order_by("pk")[window(call, **window_of)]])
