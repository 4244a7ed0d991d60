"""The addresses in a mail: what a person, a mail program or a scanner finds behind them."""

from __future__ import annotations

from ipaddress import ip_address

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from usher.engage.content import tokens
from usher.engage.content.addresses import preferences_url
from usher.engage.forms.centre import behind
from usher.engage.forms.pages import shown
from usher.engage.models import Message
from usher.engage.tracking import record, visits
from usher.lib import clock

#: A transparent picture of one dot.
PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)


@require_safe
@never_cache
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Go on to the link's own target; nothing in the request can name another. HEAD counts nothing."""
    message, link = _read("click", token, 2)
    if request.method == "HEAD":
        target = record.target_of(message, link)
    else:
        target = record.clicked(message, link, _visitor(request), clock.now())
    if target is None:
        raise Http404
    response = HttpResponseRedirect(target)
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
@never_cache
def pixel(request: HttpRequest, token: str) -> HttpResponse:
    (message,) = _read("open", token, 1)
    if request.method == "GET":
        record.opened(message, _visitor(request), clock.now())
    return HttpResponse(PIXEL, content_type="image/gif")


@require_safe
def script(request: HttpRequest) -> HttpResponse:
    """What a site includes to tell of its pages."""
    response = HttpResponse(visits.script(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "public, max-age=3600"
    # sites of other origins include it
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
@never_cache
def page_view(request: HttpRequest, token: str) -> HttpResponse:
    (message,) = _read("visit", token, 1)
    url = request.GET.get("url", "").replace("\0", "")
    if request.method == "GET":
        visits.viewed(message, url, clock.now())
    response = HttpResponse(PIXEL, content_type="image/gif")
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing; a POST unsubscribes, whether by the page's button or by RFC 8058's one click.

    The token proves the person: there is no cookie, no log-in and no CSRF token.
    """
    (message,) = _read("unsubscribe", token, 1)
    if request.method == "POST":
        one_click = request.POST.get("List-Unsubscribe") == "One-Click"
        email = record.unsubscribed(message, "one-click" if one_click else "page", clock.now())
    else:
        row = Message.objects.select_related("contact").filter(pk=message).first()
        email = row.to if row else None
    if email is None:
        raise Http404
    choices = preferences_url(message) if behind(message) else ""
    page = {"email": email, "done": request.method == "POST", "preferences": choices}
    return shown(request, "unsubscribe.html", page)


def _read(kind: tokens.Kind, token: str, count: int) -> tuple[int, ...]:
    numbers = tokens.read(kind, token)
    if numbers is None or len(numbers) != count:
        raise Http404
    return numbers


def _visitor(request: HttpRequest) -> record.Visitor:
    try:
        ip = str(ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        ip = None
    return record.Visitor(ip, request.headers.get("User-Agent", "").replace("\0", "")[:300])
