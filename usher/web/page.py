"""What every page has: a log-in in front, a Content-Security-Policy, the rail and the clock around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django_htmx.http import HttpResponseClientRefresh
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
    """The view with the pages' Content-Security-Policy, unless it set one itself; no cache keeps it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers.setdefault("Referrer-Policy", "same-origin")
        add_never_cache_headers(response)
        return response

    return answer


def page(view: View) -> View:
    """A view for people who have logged in."""

    @guarded
    @wraps(view)
    def answer(request: Asked, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:  # a part must not be filled with the log-in page
            return HttpResponseClientRefresh()
        return redirect_to_login(request.get_full_path())

    return answer


def wants_part(request: Asked) -> bool:
    """HTMX asks for the part that changes; when it restores a page from its history, for the whole."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def show(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """The template within the rail and the clock."""
    now = clock.now()
    shell = {
        "rail": rail(request.path),
        "zone": settings.TIME_ZONE,
        "now": now,
        "demo": clock.virtual is not None,
    }
    return render(request, template, {"shell": shell, "now": now} | context)


def show_part(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """A part by itself: no rail is read for it."""
    return render(request, template, {"now": clock.now()} | context)
