"""Fifty rows a page, in an order that does not move under the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

ROWS = 50


def page_of(request: HttpRequest, rows: Any) -> Page[Any]:
    """The page that `?page=` asks for; the last one when it asks for too much. `rows` is ordered in full."""
    return Paginator(rows, ROWS).get_page(request.GET.get("page"))


@dataclass(frozen=True)
class Stretch:
    """Some rows out of very many, and the marks of the rows beside which others go on; "" at an end."""

    rows: list[Any]
    before: str = ""
    after: str = ""


def stretch_of(request: HttpRequest, found: QuerySet[Any] | Sequence[QuerySet[Any]], *order: str) -> Stretch:
    """The rows behind `?after=` or in front of `?before=`: where they begin is looked up in an index.

    `order` names fields that are never null, descending with "-", the last of them unique; a mark is the
    value of that last one. A row that is gone since, or no mark at all, shows the first rows. Of several
    sets the rows are those of any.
    """
    parts = [found] if isinstance(found, QuerySet) else found
    back = bool(request.GET.get("before"))
    mark = request.GET.get("before") or request.GET.get("after") or ""
    edge = _edge(parts[0].model, order[-1].lstrip("-"), mark) if mark else None
    turned = tuple(_turned(name) for name in order) if back and edge else order
    rows = _first([part.filter(_beyond(edge, turned)) if edge else part for part in parts], turned)
    more, rows = len(rows) > ROWS, rows[:ROWS]
    if back and edge:
        rows.reverse()
        return Stretch(rows, _mark(rows[:1], order) if more else "", _mark(rows[-1:], order))
    return Stretch(rows, _mark(rows[:1], order) if edge else "", _mark(rows[-1:], order) if more else "")


def _first(parts: Sequence[QuerySet[Any]], order: tuple[str, ...]) -> list[Any]:
    """The first rows of all, one more than are shown."""
    found = {row.pk: row for part in parts for row in part.order_by(*order)[: ROWS + 1]}
    rows = list(found.values())
    if len(parts) > 1:
        for name in reversed(order):
            rows.sort(key=lambda row, name=name: _value(row, name), reverse=name.startswith("-"))  # type: ignore[misc]
    return rows[: ROWS + 1]


def _edge(model: type[Model], key: str, mark: str) -> Model | None:
    try:
        return model._default_manager.filter(**{key: mark}).first()
    except (ValueError, ValidationError):  # no such mark was ever given out
        return None


def _beyond(edge: Model, order: tuple[str, ...]) -> Q:
    """Rows that come later than `edge`. The first condition alone already finds the place in an index."""
    first = order[0]
    found = Q(**{f"{first.lstrip('-')}__{'lte' if first.startswith('-') else 'gte'}": _value(edge, first)})
    later, same = Q(pk__in=()), Q()
    for name in order:
        word = "lt" if name.startswith("-") else "gt"
        later |= same & Q(**{f"{name.lstrip('-')}__{word}": _value(edge, name)})
        same &= Q(**{name.lstrip("-"): _value(edge, name)})
    return found & later


def _value(row: Model, name: str) -> Any:
    return getattr(row, name.lstrip("-"))


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _mark(rows: list[Any], order: tuple[str, ...]) -> str:
    return str(_value(rows[0], order[-1])) if rows else ""
