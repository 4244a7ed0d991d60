"""An evaluation that somebody asks for on a page, and how far it is."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from usher.web.page import page, show_part
from usher.work.asked import ask, asked


@page
@require_http_methods(["GET", "POST"])
def evaluation(request: HttpRequest) -> HttpResponse:
    """POST asks for one and goes back; GET tells how far it is, and has the page read anew at its end."""
    if request.method == "POST":
        ask()
        back = request.POST.get("next", "")
        return redirect(back if url_has_allowed_host_and_scheme(back, None) else "audiences")
    state = asked()
    if not state.under_way:
        return HttpResponseClientRefresh()
    return show_part(request, "usher/audiences/evaluating.html", asked=state)
