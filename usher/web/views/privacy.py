"""One person's rights: all that is known of them as a file, and being forgotten."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from usher.engage.models import Contact
from usher.lib import clock
from usher.web.figures import privacy as figures
from usher.web.page import page, show


@page
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that is known of a contact, as JSON."""
    told = json.dumps(figures.told(_row(pk)), ensure_ascii=False, indent=2)
    response = HttpResponse(told, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="contact-{pk}.json"'
    return response


@page
def erase(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a contact for good, once the address was typed."""
    person, trouble = _row(pk), ""
    name = figures.name_of(person)
    if request.method == "POST":
        if request.POST.get("typed", "").strip().lower() == name.lower():
            figures.erase(person, f"page {request.user.get_username()}", clock.now())
            messages.success(request, _("Erased. Of the address only a digest is kept."), "good")
            return redirect("contacts")
        trouble = _("what was typed is not “{name}”").format(name=name)
    found = {"person": person, "name": name, "there": figures.is_there(person), "trouble": trouble}
    return show(request, "usher/contacts/erase.html", going=figures.going(person), **found)


def _row(pk: int) -> Contact:
    return get_object_or_404(Contact.objects.select_related("account"), pk=pk)
