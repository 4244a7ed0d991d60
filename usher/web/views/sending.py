"""Sending a campaign in two steps: whom and when, then the exact number and yes; and stopping it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from usher.engage.campaigns import send as sends
from usher.engage.campaigns import tasks
from usher.engage.errors import EngageError
from usher.engage.models import Campaign, Send
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.figures import sending as figures
from usher.web.figures.sending import Asked, SendForm
from usher.web.page import page, show, show_part
from usher.web.templatetags.usher import sentence
from usher.web.views.campaigns import while_unasked


@page
@while_unasked
def choose(request: HttpRequest, row: Campaign) -> HttpResponse:
    """Whom and when."""
    return _choose(request, row)


def _choose(request: HttpRequest, row: Campaign) -> HttpResponse:
    now, asked = clock.now(), "when" in request.GET
    form = SendForm(row, request.GET if asked else None, initial={"when": figures.NOW})
    found = {"row": row, "form": form, "folders": figures.lists_of(row.account)}
    found |= {"chosen": set(request.GET.getlist("lists")), "earliest": figures.earliest(now)}
    return show(request, "usher/campaigns/send.html", asked=asked, **found)


@page
@require_GET
@while_unasked
def count(request: HttpRequest, row: Campaign) -> HttpResponse:
    """Whom the choice would reach as segments were last worked out, while somebody chooses."""
    form = SendForm(row, request.GET)
    if not form.is_valid():
        return show_part(request, "usher/campaigns/reach.html", trouble=_first_error(form))
    return _counted(request, Asked.of(form), refreshed=False)


@page
@require_GET
@while_unasked
def sure(request: HttpRequest, row: Campaign) -> HttpResponse:
    """The choice once more, with the exact number, before anybody is mailed."""
    form = SendForm(row, request.GET)
    if not form.is_valid():
        return _choose(request, row)
    asked = Asked.of(form)
    if request.GET.get("counted"):
        if request.headers.get("HX-Request"):
            return _counted(request, asked, refreshed=True)
        return _sure(request, asked, **_reached(asked, refreshed=True))
    return _sure(request, asked)


def _sure(request: HttpRequest, asked: Asked, **found: object) -> HttpResponse:
    query = asked.again(request.GET)
    hidden = [
        (name, value) for name in request.GET for value in request.GET.getlist(name) if name != "counted"
    ]
    template = "usher/campaigns/sure.html"
    return show(request, template, row=asked.campaign, asked=asked, query=query, hidden=hidden, **found)


def _counted(request: HttpRequest, asked: Asked, *, refreshed: bool) -> HttpResponse:
    found = _reached(asked, refreshed=refreshed)
    found |= {"row": asked.campaign, "asked": asked, "sure": refreshed}
    return show_part(request, "usher/campaigns/reach.html", **found)


def _reached(asked: Asked, *, refreshed: bool) -> dict[str, object]:
    try:
        return {"reach": figures.reach(asked, clock.now(), refreshed=refreshed)}
    except EngageError as problem:
        return {"trouble": problem.message}


@page
@require_POST
@while_unasked
def send(request: HttpRequest, row: Campaign) -> HttpResponse:
    """Have it sent, as it was confirmed."""
    now = clock.now()
    form = SendForm(row, request.POST)
    if not form.is_valid():
        messages.error(request, _first_error(form), "bad")
        return redirect("campaign_send", row.pk)
    asked = Asked.of(form)
    try:
        with signed(request, row.account, now):
            figures.ask(asked, now)
    except EngageError as problem:
        messages.error(request, sentence(problem.message), "bad")
    else:
        tasks.hand_on()
        said = _("It goes out at its time.") if asked.at and asked.at > now else _("It is being sent.")
        messages.success(request, said, "good")
    return redirect("campaign", row.pk)


@page
@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop a send."""
    row, now = get_object_or_404(Send, pk=pk, account=account()), clock.now()
    with signed(request, row.account, now):
        done = sends.cancel(row, now)
    row.refresh_from_db()
    if done and row.started_at is None:
        messages.success(request, _("It will not be sent. Nothing of it had gone out."), "good")
    elif done:
        said = _("It is stopped. What the relay has is gone; nobody else gets it.")
        messages.success(request, said, "good")
    else:
        messages.error(request, _("It had ended already."), "bad")
    return redirect("campaign", row.campaign_id)


def _first_error(form: SendForm) -> str:
    return str(next(iter(form.errors.values()))[0])
