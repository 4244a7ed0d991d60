"""Home: the line drawn with tonight's numbers, what needs a person, and what ran."""

from __future__ import annotations

from django.http import HttpResponse

from usher.lib import clock
from usher.web.figures.line import line
from usher.web.figures.needs import needs
from usher.web.figures.tonight import hello, stood, tonight
from usher.web.page import Asked, page, show, show_part, wants_part


@page
def home(request: Asked) -> HttpResponse:
    now = clock.now()
    found = {"line": line(now), "needs": needs(now), "ran": tonight(now)}
    if wants_part(request):
        return show_part(request, "usher/home/parts.html", **found)
    return show(request, "usher/home/home.html", hello=hello(now), stood=stood(), **found)
