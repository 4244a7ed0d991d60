"""Campaigns: what was mailed, how it was received, and the mail itself in a closed frame."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.clickjacking import xframe_options_sameorigin

from usher.engage.models import Campaign
from usher.lib import clock
from usher.web.figures import campaigns as figures
from usher.web.figures.preview import drafted, example
from usher.web.page import MAIL_POLICY, page, show


@page
def campaigns(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/campaigns/list.html", rows=figures.received(Campaign.objects.all()))


@page
def campaign(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Campaign, pk=pk)
    (received,) = figures.received(Campaign.objects.filter(pk=pk))
    address = request.GET.get("for", "").strip()
    person = example(row, address)
    return show(
        request,
        "usher/campaigns/campaign.html",
        row=row,
        received=received,
        links=figures.links(row),
        troubled=figures.troubled(row),
        address=address,
        person=person,
        draft=drafted(row, person, clock.now()),
    )


@page
@xframe_options_sameorigin
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail as `?for=` gets it, where nothing can run and nothing is fetched."""
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    draft = drafted(row, example(row, request.GET.get("for", "").strip()), clock.now())
    if isinstance(draft, str):
        response = HttpResponse(draft, content_type="text/plain; charset=utf-8")
    elif request.GET.get("as") == "text":
        response = HttpResponse("".join(draft.text), content_type="text/plain; charset=utf-8")
    else:
        response = HttpResponse("".join(draft.html))
    response["Content-Security-Policy"] = MAIL_POLICY
    return response
