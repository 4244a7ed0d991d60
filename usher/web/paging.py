"""Fifty rows a page, in an order that does not move under the reader."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

ROWS = 50


def page_of(request: HttpRequest, rows: Any) -> Page[Any]:
    """The page that `?page=` asks for; the last one when it asks for too much. `rows` is ordered in full."""
    return Paginator(rows, ROWS).get_page(request.GET.get("page"))
