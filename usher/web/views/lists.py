"""Lists of contacts: who is on them, made, changed, taken home as a file, deleted if nothing needs them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRefresh

from usher.engage.contacts.fields import types_of
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, ContactList, Program
from usher.engage.models.campaigns import CampaignStatus
from usher.engage.models.contacts import Visibility
from usher.engage.models.lists import ListKind, RefreshState
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.deleting import deleted
from usher.web.export import csv_file
from usher.web.figures import lists as figures
from usher.web.figures import segments
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import stretch_of

KINDS = (ListKind.LIST, ListKind.EXTERNAL)
UNDER_WAY = (RefreshState.NOT_STARTED, RefreshState.NOT_FINISHED)
HEADINGS = ["EMAIL", "MOBILENUMBER", "STATUS", "JOINED"]


class ListForm(forms.Form):
    """What a list is; of an external one only what is ours to say."""

    name = forms.CharField(max_length=255, label=gettext_lazy("Name"))
    description = forms.CharField(
        required=False, label=gettext_lazy("Description"), widget=forms.Textarea(attrs={"rows": 2})
    )
    folder = forms.CharField(required=False, max_length=255, label=gettext_lazy("Folder"))
    visibility = forms.ChoiceField(
        label=gettext_lazy("Shown to contacts"),
        choices=[
            (Visibility.PRIVATE, gettext_lazy("no, it is private")),
            (Visibility.PUBLIC, gettext_lazy("yes, it is public")),
        ],
    )
    double_opt_in = forms.BooleanField(
        required=False,
        label=gettext_lazy("Who joins by a form confirms by mail"),
    )
    join_program = forms.ModelChoiceField(
        Program.objects.none(),
        required=False,
        label=gettext_lazy("Joining starts the program"),
        help_text=gettext_lazy("Single joins start it: by the API, a form or a page. Imports never do."),
    )
    join_campaign = forms.ModelChoiceField(
        Campaign.objects.none(), required=False, label=gettext_lazy("Joining sends the campaign")
    )

    def __init__(self, of: Account, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for name, model in (("join_program", Program), ("join_campaign", Campaign)):
            self.fields[name].empty_label = _("nothing")  # type: ignore[attr-defined]
            self.fields[name].queryset = model._default_manager.filter(account=of).order_by("name", "pk")  # type: ignore[attr-defined]
        # any other is sent once, to whom it is sent
        mails: Any = self.fields["join_campaign"]
        mails.queryset = mails.queryset.filter(status=CampaignStatus.TRIGGERED)
        mails.label_from_instance = _told_apart
        mails.help_text = _("Only campaigns that are sent again and again can be chosen.")


def _told_apart(campaign: Campaign) -> str:
    """Its name; several may have one, so its number too."""
    return f"{campaign.name} · {campaign.pk}"


@page
def lists(request: Asked) -> HttpResponse:
    of, text = account(), request.GET.get("q", "").strip()
    rows = stretch_of(request, figures.lists(of, text, KINDS), "folder", "name", "pk")
    wait = "counted" in request.GET
    found = {"rows": rows, "shown": figures.sized(rows.rows, wait=wait), "text": text, "waited": wait}
    if wants_part(request):
        return show_part(request, "usher/lists/found.html", **found)
    return show(request, "usher/lists/list.html", here="lists", searched=reverse("contact_lists"), **found)


@page
def one(request: Asked, pk: int) -> HttpResponse:
    """The members of a list or segment."""
    row, text = _row(pk), request.GET.get("q", "").strip()
    rows = stretch_of(request, figures.on_list(row, text), "contact_id")
    wait = "counted" in request.GET
    running = row.kind == ListKind.SEGMENT and row.refresh_state in UNDER_WAY
    found: dict[str, Any] = {"row": row, "rows": rows, "text": text, "running": running}
    if wants_part(request) and "refreshed" in request.GET and not running:
        return HttpResponseClientRefresh()  # the size and the members are others now
    if wants_part(request) and "refreshed" not in request.GET and not wait:
        return show_part(request, "usher/lists/members.html", **found)
    found |= {
        "waited": wait,
        "listed": figures.sized([row], wait=wait)[0],
    }
    if row.kind == ListKind.SEGMENT:
        found["said"] = segments.said(row)
    return show(request, "usher/lists/one.html", **found)


@page
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _row(pk)
    names = list(types_of(row.account))
    return csv_file(row.name, [*HEADINGS, *names], figures.exported(row, names))


@page
def new(request: HttpRequest) -> HttpResponse:
    return _edited(request, ContactList(account=account()))


@page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = _row(pk)
    if row.kind == ListKind.SEGMENT:
        raise Http404
    return _edited(request, row)


def _edited(request: HttpRequest, row: ContactList) -> HttpResponse:
    of, old, now = row.account, row.name, clock.now()
    first = {name: getattr(row, name) for name in ListForm.base_fields}
    form = ListForm(of, request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            with signed(request, of, now):
                saved = figures.save(row, form.cleaned_data, now)
        except EngageError as problem:
            form.add_error("name", problem.message)
        else:
            messages.success(request, _("“{name}” is saved.").format(name=saved.name), "good")
            return redirect("contact_list", saved.pk)
    back = reverse("contact_list", args=[row.pk]) if old else reverse("contact_lists")
    found = {"form": form, "old": old, "back": back, "folders": figures.folders(of)}
    return show(request, "usher/lists/edit.html", **found)


@page
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a list that nothing needs; its name has to be typed."""
    row, trouble = _row(pk), ""
    if request.method == "POST":
        trouble = deleted(request, row.account, row.name, lambda: figures.remove(row))
        if not trouble:
            return redirect("segments" if row.kind == ListKind.SEGMENT else "contact_lists")
    found = {"name": row.name, "uses": figures.uses(row), "trouble": trouble}
    back = reverse("contact_list", args=[pk])
    says = _("Its contacts stay; only the list is gone.")
    return show(request, "usher/lists/delete.html", back=back, says=says, **found)


def _row(pk: int) -> ContactList:
    return get_object_or_404(ContactList.objects.select_related("account"), pk=pk, account=account())
