"""Segments: lists whose members a rule about contacts finds, written with a live count and refreshed."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from usher.engage.errors import EngageError
from usher.engage.models import ContactList
from usher.engage.models.lists import ListKind
from usher.engage.segments.refresh import request_refresh
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.figures import lists as figures_of_lists
from usher.web.figures import rulefield
from usher.web.figures import segments as figures
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import stretch_of
from usher.web.views.rules import LONGEST


class SegmentForm(forms.Form):
    """The name and place of a segment; its rule has a field of its own."""

    name = forms.CharField(max_length=128, label=gettext_lazy("Name"))
    folder = forms.CharField(required=False, max_length=255, label=gettext_lazy("Folder"))


@page
def segments(request: Asked) -> HttpResponse:
    of, text = account(), request.GET.get("q", "").strip()
    wanted = figures_of_lists.lists(of, text, [ListKind.SEGMENT])
    rows = stretch_of(request, wanted, "folder", "name", "pk")
    wait = "counted" in request.GET
    shown = figures_of_lists.sized(rows.rows, wait=wait)
    found = {"rows": rows, "shown": shown, "text": text, "waited": wait}
    if wants_part(request):
        return show_part(request, "usher/segments/found.html", **found)
    return show(request, "usher/segments/list.html", here="segments", searched=reverse("segments"), **found)


@page
def new(request: HttpRequest) -> HttpResponse:
    return _edited(request, ContactList(account=account(), kind=ListKind.SEGMENT))


@page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _edited(request, _row(pk))


def _edited(request: HttpRequest, row: ContactList) -> HttpResponse:
    of, old, now = row.account, row.name, clock.now()
    form = SegmentForm(request.POST or None, initial={"name": row.name, "folder": row.folder})
    begun = row.rule or request.GET.get("rule", "").replace("\r\n", "\n")[:LONGEST]
    judged = figures.judged(of, _text(request, "rule") if request.method == "POST" else begun)
    if request.method == "POST" and form.is_valid() and judged.fits:
        name, folder = form.cleaned_data["name"], form.cleaned_data["folder"]
        try:
            with signed(request, of, now):
                saved = figures.save(row, name, judged.text, folder, now)
        except EngageError as problem:
            form.add_error(None, problem.message)
        else:
            said = _("“{name}” is saved. Its members are being worked out.")
            messages.success(request, said.format(name=saved.name), "good")
            return redirect("contact_list", saved.pk)
    back = reverse("contact_list", args=[row.pk]) if old else reverse("segments")
    found = {"form": form, "judged": judged, "old": old, "back": back, "examples": figures.EXAMPLES}
    missing = request.method == "POST" and not judged.text.strip()
    functions = rulefield.functions()
    return show(request, "usher/segments/edit.html", missing=missing, functions=functions, **found)


@page
@require_POST
def refresh(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the members worked out anew."""
    request_refresh(_row(pk))
    return redirect("contact_list", pk)


@page
@require_POST
def check(request: HttpRequest) -> JsonResponse:
    found = figures.judged(account(), _text(request, "text"))
    slips = [
        {"message": slip.message, "start": slip.start, "end": slip.end, "fix": slip.fix and slip.fix.__dict__}
        for slip in found.slips
    ]
    return JsonResponse({"slips": slips, "english": found.english, "formatted": found.formatted})


@page
@require_POST
def complete(request: HttpRequest) -> JsonResponse:
    """What may stand at the place of writing."""
    said = request.POST.get("position", "")
    position = int(said) if said.isdecimal() and len(said) < 8 else 0
    return JsonResponse({"offers": figures.offers(account(), _text(request, "text"), position)})


@page
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """The number of contacts, and a few of them; in words why there is none."""
    template = "usher/segments/counted.html"
    exact, token = request.POST.get("exact") == "true", request.POST.get("token", "")[:40]
    try:
        found = figures.counted(account(), _text(request, "text"), clock.now(), exact=exact, token=token)
    except figures.CountError as problem:
        return show_part(request, template, trouble=str(problem), late=exact)
    return show_part(request, template, found=found)


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\r\n", "\n")[: LONGEST + 1]


def _row(pk: int) -> ContactList:
    found = ContactList.objects.select_related("account").filter(kind=ListKind.SEGMENT)
    return get_object_or_404(found, pk=pk, account=account())
