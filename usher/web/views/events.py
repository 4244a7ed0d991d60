"""Events: the page that says plainly what is not there yet."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from usher.web.page import page, show


@page
def events(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/settings/events.html")
