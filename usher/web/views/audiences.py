"""Audiences: the rule in English, the size over time, and the members."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from usher.audiences import published
from usher.audiences.due import next_due
from usher.audiences.english import in_english
from usher.audiences.models import Audience
from usher.audiences.tagging import BY_HAND
from usher.definitions.uses import uses
from usher.lib import clock
from usher.web.figures import audiences as figures
from usher.web.figures import editing, members
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.work.asked import asked


@page
def audiences(request: Asked) -> HttpResponse:
    found = figures.listed(request, clock.now())
    if wants_part(request):
        return show_part(request, "usher/audiences/found.html", found=found)
    return show(
        request,
        "usher/audiences/list.html",
        found=found,
        kinds=Audience.Kind.choices,
        trouble=published.trouble(),
        asked=asked(),
        next=next_due(clock.now()),
    )


@page
def audience(request: Asked, pk: int) -> HttpResponse:
    row = get_object_or_404(Audience.objects.select_related("group"), pk=pk)
    snapshot = figures.snapshot_of(row)
    text = request.GET.get("q", "").strip()
    found = members.found(row, text, request) if snapshot else None
    if wants_part(request):
        return show_part(request, "usher/audiences/members.html", row=row, text=text, found=found)
    history = published.history(row)
    return show(
        request,
        "usher/audiences/audience.html",
        row=row,
        snapshot=snapshot,
        text=text,
        found=found,
        said=in_english(row),
        uses=uses(row),
        shape=editing.shape_of(row),
        seen=figures.seen(row, clock.now()),
        by_hand=row.kind in BY_HAND,
        yaml=editing.yaml_of(row),
        history=figures.told(history)[::-1],
        chart=figures.chart(history),
        trouble=published.trouble(),
        customers=figures.customers(),
        asked=asked(),
    )
