"""What every page has: a log-in in front, a Content-Security-Policy, the rail and the clock around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

from usher.lib import clock
from usher.web.rail import rail

#: Nothing inline, nothing from elsewhere; htmx and the charts set styles through the DOM, which this allows.
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'self'"
)
#: A mail may bring its own styles and embedded pictures, and can do and fetch nothing.
MAIL_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"

View = Callable[..., HttpResponseBase]


class Asked(HttpRequest):
    """A request as it comes to a view: HTMX's middleware has looked at it."""

    htmx: HtmxDetails


def guarded(view: View) -> View:
    """The view with the pages' Content-Security-Policy, unless it set a stricter one itself."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers.setdefault("Referrer-Policy", "same-origin")
        return response

    return answer


def page(view: View) -> View:
    """A view for people who have logged in."""
    return guarded(login_required(view))


def show(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """The whole page; an HTMX request for one part of it gets the part's template instead."""
    now = clock.now()
    shell = {
        "rail": rail(request.path),
        "zone": settings.TIME_ZONE,
        "now": now,
        "demo": clock.virtual is not None,
    }
    return render(request, template, {"shell": shell, "now": now} | context)
