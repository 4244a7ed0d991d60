"""Reads what callers send: numbers that may be text, moments, pages, choices in any case."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import Model, QuerySet, TextChoices
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid
from usher.engage.models import PageMark

M = TypeVar("M", bound=Model)
C = TypeVar("C", bound=TextChoices)

LARGEST_ID = 2**63 - 1
MOST = 1000
#: How long a mark is believed; without one the rows before a page are counted off, which takes longer.
MARK_LASTS = timedelta(hours=1)


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
    if value is not None and not isinstance(value, str):
        raise invalid(f"The {name} field is not a text.", token)
    if not value or not value.strip():
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


def page(call: Call, rows: QuerySet[M], shape: Callable[[M], dict[str, Any]], **how: Any) -> HttpResponse:
    """One page of rows in the order of their ids, which new rows do not disturb (`how`: see `taken`)."""
    return reply([shape(row) for row in taken(call, rows, **how)])


def taken(
    call: Call,
    rows: QuerySet[M],
    *,
    key: str = "pk",
    most: int = MOST,
    names: Iterable[str] = ("select",),
) -> list[M]:
    """The rows that `select` and `skip` ask for, by ascending `key`, a whole number that is each row's own.

    Where a page ended is kept, and the next one begins behind it. So the last page costs what the first did,
    and whoever reads on meets every row that stays, even when rows of earlier pages go away meanwhile.
    """
    wanted = window(call, most, names)
    rows = rows.order_by(key)
    query = _digest(rows)
    skipped, after = _mark(call, query, wanted.start)
    behind = rows if after is None else rows.filter(**{f"{key}__gt": after})
    found = list(behind[wanted.start - skipped : wanted.stop - skipped])
    if after is None:
        _forget(call)
    if found and len(found) == wanted.stop - wanted.start:
        _keep(call, query, wanted.stop, attrgetter(key)(found[-1]))
    return found


def _digest(rows: QuerySet[M]) -> str:
    try:
        return hashlib.sha256(repr(rows.query.sql_with_params()).encode()).hexdigest()
    except EmptyResultSet:
        return ""


def _mark(call: Call, query: str, skip: int) -> tuple[int, int | None]:
    """The mark nearest before a page: how many rows it stands behind, and the key of the last of them."""
    if not skip:
        return 0, None
    marks = PageMark.objects.filter(account=call.account, query=query, skip__lte=skip)
    nearest = (
        marks.filter(at__gt=call.now - MARK_LASTS).order_by("-skip").values_list("skip", "after").first()
    )
    return nearest or (0, None)


def _forget(call: Call) -> None:
    """Take the account's marks away that nobody believes any more."""
    old = PageMark.objects.filter(account=call.account, at__lte=call.now - MARK_LASTS)
    if old.exists():
        old.delete()


def _keep(call: Call, query: str, skip: int, after: int) -> None:
    PageMark.objects.bulk_create(
        [PageMark(account=call.account, query=query, skip=skip, after=after, at=call.now)],
        update_conflicts=True,
        unique_fields=["account", "query", "skip"],
        update_fields=["after", "at"],
    )
