"""Contacts: find a person, and everything that happened to them with its why."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from usher.engage.models import Contact
from usher.engage.models.contacts import Status
from usher.lib import clock
from usher.web.figures import contacts as figures
from usher.web.figures import standing
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import page_of

KINDS = ("customers", "seeds", "all")


@page
def contacts(request: Asked) -> HttpResponse:
    text, status = request.GET.get("q", "").strip(), request.GET.get("status", "")
    who = request.GET.get("who", "")
    kind = who if who in KINDS else "customers"
    found = figures.search(text, status if status in Status.values else "", kind)
    rows = page_of(request, found)
    if wants_part(request):
        return show_part(request, "usher/contacts/found.html", rows=rows, text=text, status=status)
    chosen = {"text": text, "status": status, "kind": kind, "statuses": Status.values}
    return show(request, "usher/contacts/list.html", rows=rows, **chosen)


@page
def contact(request: HttpRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Contact.objects.select_related("account"), pk=pk)
    return show(
        request,
        "usher/contacts/contact.html",
        person=person,
        days=figures.days(person),
        fields=sorted(person.data.items()),
        lists=person.memberships.select_related("list").order_by("list__name"),
        enrolments=figures.enrolments(person),
        suppressions=figures.suppressions(person),
        counts=figures.counts(person, clock.now()),
        may=standing.may(person),
    )
