"""Sources: the tables customer data comes from, how fresh they are, and what is wrong in them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from usher.web.figures.sources import sheets
from usher.web.page import page, show


@page
def sources(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/sources/list.html", rows=sheets().items())
