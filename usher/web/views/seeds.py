"""Seeds: what each one was due, what came and when, and the incidents with their story."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from usher.lib import clock
from usher.web.figures import seeds as figures
from usher.web.page import page, show
from usher.web.paging import page_of


@page
def seeds(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    placements = page_of(request, figures.placements())
    delays = figures.delays()
    return show(
        request,
        "usher/seeds/seeds.html",
        rows=placements,
        matrices=figures.matrices(placements, now),
        counts=figures.counts(now),
        incidents=figures.incidents()[:50],
        delays=delays,
        late=list(zip(delays["shown"], delays["y"], strict=True)),
    )


@page
def incident(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(figures.incidents(), pk=pk)
    return show(
        request,
        "usher/seeds/incident.html",
        row=row,
        placement=row.expectation.placement,
        arrivals=row.expectation.arrivals.all(),
        person=figures.contact_of(row.expectation.placement),
    )
