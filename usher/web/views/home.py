"""Home: the line drawn with tonight's numbers, what needs a person, and what ran."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from usher.lib import clock
from usher.web.figures.line import line
from usher.web.figures.needs import needs
from usher.web.figures.tonight import tonight
from usher.web.page import page, show


@page
def home(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    template = "usher/home/parts.html" if request.htmx else "usher/home/home.html"
    return show(request, template, line=line(now), needs=needs(now), ran=tonight(now))
