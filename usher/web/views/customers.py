"""One customer of the source: found by key or address; tags are put on and taken off."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from usher.audiences import tagging
from usher.audiences.english import key_of
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
from usher.lib import clock
from usher.sources.errors import SourceError
from usher.web.figures import customers as figures
from usher.web.page import page, show


@page
def customers(request: HttpRequest) -> HttpResponse:
    """A search for one."""
    asked, trouble = request.GET.get("key", "").strip(), ""
    if asked:
        try:
            return redirect("customer", key_of(asked))
        except (AudienceError, SourceError) as problem:
            trouble = str(problem)
    return show(request, "usher/customers/search.html", asked=asked, trouble=trouble)


@page
def customer(request: HttpRequest, key: str) -> HttpResponse:
    try:
        found = figures.customer(key)
    except (AudienceError, SourceError) as problem:
        return show(request, "usher/customers/search.html", asked=key, trouble=str(problem))
    return show(request, "usher/customers/customer.html", person=found)


@page
@require_POST
def mark(request: HttpRequest, key: str) -> HttpResponse:
    """Put a tag on, or take it off."""
    audience = get_object_or_404(Audience, pk=request.POST.get("audience") or 0)
    by, off = request.user.get_username(), request.POST.get("do") == "off"
    try:
        figures.customer(key)
        if off:
            tagging.untag(audience, [key], by=by, at=clock.now(), cause="user")
        else:
            tagging.tag(audience, [key], by=by, at=clock.now(), cause="user")
    except (AudienceError, SourceError) as problem:
        messages.error(request, str(problem), "bad")
    else:
        said = _("{name} is taken off.") if off else _("{name} is put on.")
        when = _("It is published with the next evaluation.")
        messages.success(request, f"{said.format(name=audience.name)} {when}", "good")
    return redirect("customer", key)
