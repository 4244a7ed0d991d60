"""Campaigns: what was mailed, how it was received, and the mail itself in a closed frame."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.clickjacking import xframe_options_sameorigin

from usher.engage.models import Campaign
from usher.web.figures import campaigns as figures
from usher.web.page import MAIL_POLICY, page, show


@page
def campaigns(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/campaigns/list.html", rows=figures.received(Campaign.objects.all()))


@page
def campaign(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Campaign, pk=pk)
    (received,) = figures.received(Campaign.objects.filter(pk=pk))
    return show(
        request,
        "usher/campaigns/campaign.html",
        row=row,
        received=received,
        links=figures.links(row),
        troubled=figures.troubled(row),
    )


@page
@xframe_options_sameorigin
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail as it is kept, its placeholders unfilled, where nothing can run and nothing is fetched."""
    row = get_object_or_404(Campaign, pk=pk)
    if request.GET.get("as") == "text":
        response = HttpResponse(row.text, content_type="text/plain; charset=utf-8")
    else:
        response = HttpResponse(row.html)
    response["Content-Security-Policy"] = MAIL_POLICY
    return response
