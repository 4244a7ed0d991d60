"""What becomes of an audience: who came and went, freezing it, deleting it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from usher.audiences.errors import AudienceError
from usher.audiences.frozen import freeze as freeze_members
from usher.audiences.models import Audience, ComputedField
from usher.definitions import remove
from usher.definitions.uses import uses, uses_of_field
from usher.lib import clock
from usher.sources.errors import SourceError
from usher.web.figures import audiences as figures
from usher.web.figures import turns as figures_of_turns
from usher.web.page import page, show


@page
def turns(request: HttpRequest, pk: int) -> HttpResponse:
    """Who came and went between two dates."""
    row = get_object_or_404(Audience, pk=pk)
    asked = figures_of_turns.asked(row, request.GET, clock.now())
    found = {"row": row, "asked": asked, "snapshot": figures.snapshot_of(row)}
    template = "usher/audiences/turns.html"
    try:
        rows = figures_of_turns.page(row, asked, request)
    except (AudienceError, SourceError) as problem:
        return show(request, template, trouble=str(problem), **found)
    return show(request, template, rows=rows, **found)


@page
def freeze(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the members as they are, as a list of its own."""
    row = get_object_or_404(Audience, pk=pk)
    now = clock.now()
    name = request.POST.get("name", f"{row.name} {now:%Y-%m-%d}").strip()
    trouble = ""
    if request.method == "POST":
        try:
            made = freeze_members(row, name, by=request.user.get_username(), at=now, folder=row.folder)
        except AudienceError as problem:
            trouble = str(problem)
        else:
            messages.success(request, _("“{name}” is made.").format(name=name), "good")
            return redirect("audience", made.pk)
    found = {"row": row, "snapshot": figures.snapshot_of(row), "name": name, "trouble": trouble}
    return show(request, "usher/audiences/freeze.html", **found)


@page
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete an audience that nothing depends on; its name has to be typed."""
    row = get_object_or_404(Audience, pk=pk)
    trouble = ""
    if request.method == "POST":
        trouble = _removed(request, row)
        if not trouble:
            return redirect("audiences")
    back = reverse("audience", args=[row.pk])
    found = {"name": row.name, "uses": uses(row), "back": back, "trouble": trouble}
    return show(request, "usher/audiences/delete.html", **found)


@page
def delete_field(request: HttpRequest, pk: int) -> HttpResponse:
    """The same for a computed field."""
    row = get_object_or_404(ComputedField, pk=pk)
    trouble = ""
    if request.method == "POST":
        trouble = _removed(request, row)
        if not trouble:
            return redirect("fields")
    back = reverse("field", args=[row.pk])
    found = {"name": row.name, "uses": uses_of_field(row), "back": back, "trouble": trouble}
    return show(request, "usher/audiences/delete.html", **found)


def _removed(request: HttpRequest, thing: Audience | ComputedField) -> str:
    """Remove it; why it was not, if it was not."""
    if request.POST.get("typed", "").strip() != thing.name:
        return _("what was typed is not “{name}”").format(name=thing.name)
    try:
        if isinstance(thing, Audience):
            remove.remove_audience(thing)
        else:
            remove.remove_field(thing)
    except AudienceError as problem:
        return str(problem)
    messages.success(request, _("“{name}” is deleted.").format(name=thing.name), "good")
    return ""
