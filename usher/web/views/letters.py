"""Letters and texts: what went, to whom, and what became of it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin

from usher.engage.models import Letter, Message, TextMessage
from usher.engage.models.messages import MessageState
from usher.engage.models.texts import TextState
from usher.lib import clock
from usher.web.account import account
from usher.web.figures import letters as figures
from usher.web.page import MAIL_POLICY, Asked, page, show, show_part, wants_part
from usher.web.paging import stretch_of
from usher.web.states import words_of


@page
def letters(request: Asked) -> HttpResponse:
    of, now = account(), clock.now()
    text, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    kind = request.GET.get("kind", "")
    rows = stretch_of(request, figures.letters(of, text, state, kind), "-queued_at", "-pk")
    found = {"rows": rows, "text": text, "state": state, "kind": kind}
    if wants_part(request):
        return show_part(request, "usher/letters/found.html", **found)
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    choices = {"states": words_of(MessageState.values), "kinds": Letter.Kind.choices}
    today = figures.of_today(of, midnight, now)
    return show(request, "usher/letters/list.html", today=today, **choices, **found)


@page
def letter(request: HttpRequest, pk: int) -> HttpResponse:
    """One mail to one address."""
    row = _row(pk)
    opens, clicks = row.opens.order_by("at")[:20], row.clicks.select_related("link").order_by("at")[:20]
    files = row.letter.attachments.all() if row.letter else []
    return show(request, "usher/letters/letter.html", row=row, opens=opens, clicks=clicks, files=files)


@page
@xframe_options_sameorigin
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """What it says, where nothing can run and nothing is fetched."""
    row = _row(pk)
    assert row.letter, pk
    if request.GET.get("as") == "text" or not row.letter.html:
        response = HttpResponse(row.letter.text, content_type="text/plain; charset=utf-8")
    else:
        response = HttpResponse(row.letter.html)
    response["Content-Security-Policy"] = MAIL_POLICY
    return response


@page
def texts(request: Asked) -> HttpResponse:
    text, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    rows = stretch_of(request, figures.texts(account(), text, state), "-queued_at", "-pk")
    found = {"rows": rows, "text": text, "state": state}
    if wants_part(request):
        return show_part(request, "usher/letters/textsfound.html", **found)
    return show(request, "usher/letters/texts.html", states=words_of(TextState.values), **found)


@page
def text(request: HttpRequest, pk: UUID) -> HttpResponse:
    rows = TextMessage.objects.select_related("contact")
    return show(request, "usher/letters/text.html", row=get_object_or_404(rows, pk=pk, account=account()))


def _row(pk: int) -> Message:
    rows = Message.objects.select_related("letter", "campaign").filter(letter__isnull=False)
    return get_object_or_404(rows, pk=pk, account=account())
