"""Campaigns: what was mailed, how it was received and by whom, and the mail itself in a closed frame."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from usher.engage.campaigns import edit as editing
from usher.engage.campaigns import progress
from usher.engage.campaigns.use import uses
from usher.engage.models import Campaign
from usher.engage.models.campaigns import CampaignStatus, SendStatus
from usher.engage.reports.links import followed
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.deleting import deleted
from usher.web.export import csv_file
from usher.web.figures import campaigns as figures
from usher.web.figures.compose import drafted, example
from usher.web.page import MAIL_POLICY, Asked, page, show, show_part, wants_part
from usher.web.paging import stretch_of
from usher.web.states import words_of

#: Links that are shown.
LINKS = 20
HEADINGS = ["EMAIL", "STATE", "SENT", "CODE", "REPLY", "REASON"]


@page
def campaigns(request: Asked) -> HttpResponse:
    text, status = request.GET.get("q", "").strip(), request.GET.get("status", "")
    rows = stretch_of(request, figures.campaigns(account(), text, status), "-updated_at", "-pk")
    shown = figures.shown(rows.rows, clock.now())
    found = {"rows": rows, "shown": shown, "text": text, "status": status}
    if wants_part(request):
        return show_part(request, "usher/campaigns/found.html", **found)
    statuses = words_of([*CampaignStatus.values, SendStatus.SCHEDULED])
    return show(request, "usher/campaigns/list.html", statuses=statuses, **found)


@page
def campaign(request: Asked, pk: int) -> HttpResponse:
    row, now = row_of(pk), clock.now()
    known = figures.known(row, now, anew=request.GET.get("count") == "now")
    sends = progress.progress(row)
    found = {"row": row, "known": known, "received": known.received, "sends": sends}
    found |= {"stale": figures.is_stale(known, now), "state": figures.state(row, sends)}
    if wants_part(request) and "count" in request.GET:
        return show_part(request, "usher/campaigns/received.html", **found)
    if wants_part(request):
        # when all is sent the whole page has something else to say
        return (
            show_part(request, "usher/campaigns/underway.html", **found)
            if sends
            else HttpResponseClientRefresh()
        )
    address = request.GET.get("for", "").strip()
    person = example(row, address)
    return show(
        request,
        "usher/campaigns/campaign.html",
        links=followed(row, LINKS),
        troubled=figures.troubled(row),
        versions=figures.versions(row),
        ended=progress.ended(row),
        address=address,
        person=person,
        draft=drafted(row, person, now),
        editable=row.status in editing.OPEN and not row.is_split_test,
        sendable=row.status in editing.OPEN and (row.status == CampaignStatus.TRIGGERED or not sends),
        **found,
    )


@page
def course(request: Asked, pk: int) -> HttpResponse:
    """The report over time, which is counted over every mail."""
    row = row_of(pk)
    found = figures.course(row, ZoneInfo(settings.TIME_ZONE))
    if wants_part(request):
        return show_part(request, "usher/campaigns/drawn.html", row=row, **found)
    return show(request, "usher/campaigns/course.html", row=row, **found)


@page
def people(request: Asked, pk: int) -> HttpResponse:
    """Whom a number of the report counts."""
    row, did, text = row_of(pk), request.GET.get("did", "sent"), request.GET.get("q", "").strip()
    rows = stretch_of(request, figures.people(row, did, text), "-pk")
    found = {"row": row, "rows": rows, "did": did, "text": text, "deeds": figures.deeds()}
    if wants_part(request):
        return show_part(request, "usher/campaigns/peoplefound.html", **found)
    return show(request, "usher/campaigns/people.html", **found)


@page
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    row, did = row_of(pk), request.GET.get("did", "sent")
    return csv_file(f"{row.name} {did}", HEADINGS, figures.exported(figures.people(row, did)))


@page
@xframe_options_sameorigin
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail as `?for=` gets it, where nothing can run and nothing is fetched."""
    row = row_of(pk)
    draft = drafted(row, example(row, request.GET.get("for", "").strip()), clock.now())
    if isinstance(draft, str):
        response = HttpResponse(draft, content_type="text/plain; charset=utf-8")
    elif request.GET.get("as") == "text":
        response = HttpResponse("".join(draft.text), content_type="text/plain; charset=utf-8")
    else:
        response = HttpResponse("".join(draft.html))
    response["Content-Security-Policy"] = MAIL_POLICY
    return response


@page
@require_POST
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Make an unsent one with the same content."""
    row, now = row_of(pk), clock.now()
    with signed(request, row.account, now):
        made = editing.copy(row, now)
    messages.success(request, _("This is the copy. Nothing of it was sent yet."), "good")
    return redirect("campaign" if made.is_split_test else "campaign_edit", made.pk)


@page
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a campaign that nothing needs, with all its reports; its name has to be typed."""
    row, trouble, now = row_of(pk), "", clock.now()
    if request.method == "POST":
        trouble = deleted(request, row.account, row.name, lambda: editing.delete(row))
        if not trouble:
            return redirect("campaigns")
    mails = figures.known(row, now, anew=False).received.states.total()
    says = _("Its {mails:,} mails and all that is reported of them go with it. That cannot be undone.")
    found = {"name": row.name, "uses": uses(row), "trouble": trouble, "says": says.format(mails=mails)}
    return show(request, "usher/lists/delete.html", back=reverse("campaign", args=[pk]), **found)


def row_of(pk: int) -> Campaign:
    """The campaign with this id, of the pages' account."""
    return get_object_or_404(
        Campaign.objects.select_related("account", "preference"), pk=pk, account=account()
    )


def while_open(
    view: Callable[[HttpRequest, Campaign], HttpResponse], *, unasked: bool = False
) -> Callable[[HttpRequest, int], HttpResponse]:
    """A view of a campaign that can still be changed, and if `unasked` of one that is not to be sent either.

    A second tab or the button Back may come to one that cannot: it leads to the report and says why.
    """

    @wraps(view)
    def answer(request: HttpRequest, pk: int) -> HttpResponse:
        row = row_of(pk)
        if not (why := figures.closed(row, clock.now(), unasked=unasked)):
            return view(request, row)
        messages.warning(request, why, "warn")
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(reverse("campaign", args=[pk]))
        return redirect("campaign", pk)

    return answer


def while_unasked(
    view: Callable[[HttpRequest, Campaign], HttpResponse],
) -> Callable[[HttpRequest, int], HttpResponse]:
    """The same of a campaign that can be sent."""
    return while_open(view, unasked=True)
