"""Home: the line drawn with tonight's numbers, what needs a person, and what ran."""

from __future__ import annotations

from django.http import HttpResponse

from usher.lib import clock
from usher.web.figures.line import line
from usher.web.figures.needs import needs
from usher.web.figures.tonight import hello, stood, tonight
from usher.web.page import Asked, page, show


@page
def home(request: Asked) -> HttpResponse:
    now = clock.now()
    return show(
        request,
        "usher/home/parts.html" if request.htmx else "usher/home/home.html",
        hello=hello(now),
        stood=stood(),
        line=line(now),
        needs=needs(now),
        ran=tonight(now),
    )
