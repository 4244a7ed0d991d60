"""Contacts: find a person, and everything that happened to them with its why."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from usher.engage.contacts import search
from usher.engage.errors import EngageError
from usher.engage.models import Contact
from usher.engage.models.contacts import Status
from usher.lib import clock
from usher.sources.models import Source
from usher.web.account import account, signed
from usher.web.figures import byrule, segments, standing
from usher.web.figures import contacts as figures
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import Stretch, stretch_of
from usher.web.patience import SEARCH, patiently
from usher.web.states import words_of
from usher.web.views.rules import LONGEST

KINDS = ("customers", "seeds", "all")


@page
def contacts(request: Asked) -> HttpResponse:
    text, status = _typed(request, "q"), request.GET.get("status", "")
    who, inside = request.GET.get("who", ""), bool(request.GET.get("inside"))
    rule, of = _typed(request, "rule").replace("\r\n", "\n")[:LONGEST], account()
    kind = who if who in KINDS else "customers"
    chosen: dict[str, Any] = {"text": text, "status": status, "inside": inside, "rule": rule}
    among = figures.among(status if status in Status.values else "", kind)
    try:
        with patiently(SEARCH):
            if rule:
                some = search.inside(text, among) if text else among
                found = byrule.found(of, rule, some, request.GET.get("after", ""), clock.now())
                chosen |= {"rows": found.rows, "trouble": found.trouble, "asked": found.asked}
            else:
                chosen["rows"] = stretch_of(request, figures.search(text, among, inside=inside), "-pk")
                chosen["total"] = None if text else figures.total(among)
    except OperationalError:
        chosen |= {"rows": Stretch([]), "slow": True}
    if wants_part(request):
        return show_part(request, "usher/contacts/found.html", **chosen)
    chosen |= {"kind": kind, "statuses": words_of(Status.values), "examples": segments.EXAMPLES}
    return show(request, "usher/contacts/list.html", judged=segments.judged(of, rule), **chosen)


def _typed(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()


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
        topics=figures.topics(person),
        consents=person.consents.order_by("-pk")[:20],
        may=standing.may(person),
        editable=figures.may_edit(person),
        has_source=Source.objects.exists(),
    )


@page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """The address and the data fields of one contact."""
    person = get_object_or_404(Contact.objects.select_related("account"), pk=pk)
    said, trouble, now = request.POST, "", clock.now()
    wrong: dict[str, str] = {}
    if not figures.may_edit(person):
        messages.error(request, _("Who opted out or is suppressed is left as they are."), "bad")
        return redirect("contact", pk)
    if request.method == "POST":
        mobile = said["mobile"].strip() if "mobile" in said else None
        data = {name[6:]: said[name].strip() for name in said if name.startswith("field-")}
        wrong = figures.misfits(person, data)
        try:
            if wrong:
                raise EngageError("", _("see below what does not fit"))
            with signed(request, person.account, now):
                figures.change(person, said.get("email", ""), mobile, data, now)
        except EngageError as problem:
            trouble = problem.message
        else:
            messages.success(request, _("Saved."), "good")
            return redirect("contact", pk)
    fields = [
        (name, kind, said.get(f"field-{name}", value), wrong.get(name, ""))
        for name, kind, value in figures.fields_of(person)
    ]
    found = {"person": person, "fields": fields, "trouble": trouble}
    found |= {"email": said.get("email", person.email), "mobile": said.get("mobile", person.mobile_number)}
    return show(request, "usher/contacts/edit.html", **found)
