"""Destinations: the accounts that audiences are taken to, without their secrets."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponse

from usher.destinations.models import Destination
from usher.web.page import page, show


@page
def destinations(request: HttpRequest) -> HttpResponse:
    rows = Destination.objects.prefetch_related("syncs__audience").annotate(
        plans=Count("seed_plans", distinct=True)
    )
    return show(request, "usher/sources/destinations.html", rows=rows.order_by("name"))
