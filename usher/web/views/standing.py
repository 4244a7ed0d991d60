"""The suppression list with its domains, and letting one contact out or back in, always with a reason."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from usher.engage.contacts.suppress import (
    FINAL,
    allow_domain,
    domain_of,
    known_contacts,
    open_contacts,
    suppress_everywhere,
)
from usher.engage.errors import EngageError
from usher.engage.models import Contact
from usher.engage.models.contacts import Status
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.figures import standing as figures
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import stretch_of
from usher.web.states import words_of
from usher.web.templatetags.usher import sentence

REASONS = [one for one in Status if one not in (Status.SUBSCRIBED, Status.PENDING_OPT_IN)]


@page
def suppressed(request: Asked) -> HttpResponse:
    of, text, reason = account(), request.GET.get("q", "").strip(), request.GET.get("reason", "")
    rows = stretch_of(request, figures.suppressions(of, text, reason), "-pk")
    people = figures.people(of, rows.rows)
    found = {"rows": rows, "people": people, "text": text, "reason": reason}
    if wants_part(request):
        return show_part(request, "usher/standing/found.html", **found)
    more = {"domains": figures.domains(of), "reasons": words_of(REASONS)}
    return show(request, "usher/standing/list.html", **more, **found)


@page
@require_POST
def forbid(request: HttpRequest) -> HttpResponse:
    """Suppress addresses."""
    of, now = account(), clock.now()
    try:
        source = _source(request)
        with signed(request, of, now):
            number = figures.forbid(of, request.POST.get("addresses", ""), source, now)
    except EngageError as problem:
        messages.error(request, sentence(problem.message), "bad")
    else:
        messages.success(request, _("Suppressed: {number:,}.").format(number=number), "good")
    return redirect("suppressed")


@page
@require_POST
def forbid_domain(request: HttpRequest) -> HttpResponse:
    """Suppress a domain, once somebody has seen how many people that is and typed its name."""
    of, now = account(), clock.now()
    by = f"page {request.user.get_username()}"
    try:
        source, domain = _source(request), domain_of(request.POST.get("domain", ""))
        if not _typed(request, domain):
            number, about = open_contacts(of, domain), {"what": domain, "word": domain, "field": "domain"}
            return _asked(request, number=number, act="suppress_domain", **about)
        number = figures.forbid_domain(of, domain, by, source, now)
    except EngageError as problem:
        messages.error(request, sentence(problem.message), "bad")
    else:
        said = _("“{domain}” is suppressed; contacts that changed: {number:,}.")
        messages.success(request, said.format(domain=domain, number=number), "good")
    return redirect("suppressed")


@page
@require_POST
def forbid_everywhere(request: HttpRequest) -> HttpResponse:
    """Suppress addresses in every account and for good, likewise."""
    of, now = account(), clock.now()
    try:
        source, keys = _source(request), figures.keys_in(request.POST.get("addresses", ""))
        word = keys[0] if len(keys) == 1 else _("everywhere")
        if not _typed(request, word):
            about = {"what": "\n".join(keys), "word": word, "field": "addresses"}
            return _asked(request, number=known_contacts(keys), act="suppress_everywhere", **about)
        with signed(request, of, now):
            suppress_everywhere(keys, now, source)
    except EngageError as problem:
        messages.error(request, sentence(problem.message), "bad")
    else:
        said = _("Suppressed everywhere and for good: {number:,}.").format(number=len(keys))
        messages.success(request, said, "good")
    return redirect("suppressed")


def _typed(request: HttpRequest, word: str) -> bool:
    """Whether somebody means it: they wrote so, in any case of letters."""
    return request.POST.get("typed", "").strip().casefold() == word.casefold()


def _asked(request: HttpRequest, **about: object) -> HttpResponse:
    """Let somebody look at what cannot be undone, and write it."""
    because, trouble = request.POST.get("because", "").strip(), "typed" in request.POST
    return show(request, "usher/standing/sure.html", because=because, trouble=trouble, **about)


@page
def lift(request: HttpRequest) -> HttpResponse:
    """Take one address off the list, which need not be a contact's."""
    of, now = account(), clock.now()
    key = (request.POST if request.method == "POST" else request.GET).get("address", "").strip().lower()
    if request.method == "POST":
        try:
            source = _source(request)
            with signed(request, of, now):
                by = f"page {request.user.get_username()}"
                trouble = figures.lift(of, key, by, source, now)
        except EngageError as problem:
            trouble = problem.message
        if trouble:
            messages.error(request, sentence(trouble), "bad")
        else:
            said = _("“{address}” may be mailed again, if it comes in.").format(address=key)
            messages.success(request, said, "good")
        return redirect("suppressed")
    row = get_object_or_404(figures.suppressions(of, "", ""), email_key=key)
    return show(request, "usher/standing/lift.html", row=row, final=row.reason in FINAL)


@page
@require_POST
def allow(request: HttpRequest) -> HttpResponse:
    """Take a domain off the list: addresses to come may be added again."""
    of, domain = account(), request.POST.get("domain", "")
    with signed(request, of, clock.now()):
        there = allow_domain(of, domain)
    if there:
        said = _("Addresses of “{domain}” may be added again. Who is suppressed stays so.")
        messages.success(request, said.format(domain=domain), "good")
    return redirect("suppressed")


@page
@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Unsubscribe or suppress one contact, or let it back in."""
    person = get_object_or_404(Contact.objects.select_related("account"), pk=pk)
    act, now = request.POST.get("act", ""), clock.now()
    try:
        source = _source(request)
    except EngageError as problem:
        messages.error(request, sentence(problem.message), "bad")
        return redirect("contact", pk)
    if act not in figures.may(person):
        messages.error(request, _("This cannot be done to this contact."), "bad")
        return redirect("contact", pk)
    with signed(request, person.account, now):
        trouble = figures.change(person, act, source, now)
        figures.noted(person, request.user.get_username(), act, source, now)
    if trouble:
        messages.error(request, sentence(trouble), "bad")
    else:
        messages.success(request, _("Done, and kept with your reason."), "good")
    return redirect("contact", pk)


def _source(request: HttpRequest) -> str:
    """Who did it and why, as it is kept; EngageError without a reason."""
    reason = request.POST.get("because", "").strip()
    if not reason:
        raise EngageError("", _("say why: the reason is kept with your name"))
    return f"page {request.user.get_username()}: {reason}"[:500]
