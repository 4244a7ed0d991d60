"""Sources: the tables of customer data, how fresh they are, what is wrong in them, and what was refused."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from usher.lib import clock
from usher.sources.check import check
from usher.sources.guard import accept as accept_once
from usher.sources.models import Table
from usher.web.figures.sources import sheets
from usher.web.page import page, show


@page
def sources(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/sources/list.html", rows=sheets().items())


@page
@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Look at every row of every table now."""
    found = check(clock.now())
    wrong = [one.table for one in found if one.error or one.refused]
    if wrong:
        said = _("Looked at. To be seen to: {names}.").format(names=", ".join(wrong))
        messages.warning(request, said, "warn")
    else:
        messages.success(request, _("Looked at: all tables can be used."), "good")
    return redirect("sources")


@page
@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Let what a guard refused pass once, with a reason."""
    table = get_object_or_404(Table, pk=pk)
    guard, reason = request.POST.get("guard", ""), request.POST.get("reason", "").strip()
    if guard not in table.refusals:
        messages.error(request, _("This is not refused any more."), "warn")
    elif not reason:
        messages.error(request, _("Say why it is right: the reason is kept with your name."), "bad")
    else:
        by = request.user.get_username()
        accept_once(table.name, guard, by=by, reason=reason, at=clock.now())
        said = _("{table} is let through, once: by the next evaluation that can be published.")
        messages.success(request, said.format(table=table.name), "good")
    return redirect("sources")
