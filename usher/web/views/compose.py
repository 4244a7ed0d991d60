"""Writing a campaign, with its checks and the mail as one contact would see it beside it; test mails."""

from __future__ import annotations

import itertools
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from usher.engage.campaigns import progress, proof
from usher.engage.campaigns.edit import CHANGED
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, Preference
from usher.lib import clock
from usher.web import drafts
from usher.web.account import account, signed
from usher.web.figures import compose as figures
from usher.web.page import MAIL_POLICY, page, show, show_part
from usher.web.templatetags.usher import sentence
from usher.web.views.campaigns import row_of, while_open

KINDS = [
    ("standard", gettext_lazy("once, to lists, segments or contacts")),
    ("triggered", gettext_lazy("again and again, by programs and joins")),
]
_number = itertools.count()


class CampaignForm(forms.Form):
    """A campaign's fields; its content is checked by the engine."""

    name = forms.CharField(
        max_length=255, label=gettext_lazy("Name"), help_text=gettext_lazy("Only you see it.")
    )
    kind = forms.ChoiceField(choices=KINDS, label=gettext_lazy("Is sent"))
    subject = forms.CharField(max_length=998, label=gettext_lazy("Subject"))
    from_name = forms.CharField(required=False, max_length=128, label=gettext_lazy("From, name"))
    from_address = forms.ChoiceField(required=False, label=gettext_lazy("From, address"))
    reply_to = forms.CharField(required=False, max_length=254, label=gettext_lazy("Replies go to"))
    preference = forms.ModelChoiceField(
        Preference.objects.none(),
        required=False,
        label=gettext_lazy("Topic"),
        help_text=gettext_lazy("Who opted out of it is not mailed."),
    )
    html = forms.CharField(
        label=gettext_lazy("HTML"),
        widget=forms.Textarea(attrs={"rows": 18, "class": "source", "spellcheck": "false"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Plain text"), widget=forms.Textarea(attrs={"rows": 8, "class": "source"})
    )

    def __init__(self, of: Account, *args: Any, old: bool, **more: Any) -> None:
        super().__init__(*args, **more)
        known = figures.addresses(of)
        self.fields["from_address"].choices = [(one, one) for one in known]  # type: ignore[attr-defined]
        self.fields["from_name"].widget.attrs["placeholder"] = of.from_name
        topics: Any = self.fields["preference"]
        topics.queryset, topics.empty_label = figures.topics_of(of), _("of no topic")
        if not topics.queryset.exists():
            del self.fields["preference"]
        if old:
            del self.fields["kind"]
        for name in ("html", "text"):
            self.fields[name].strip = False  # type: ignore[attr-defined]


@page
def new(request: HttpRequest) -> HttpResponse:
    row = Campaign(account=account(), html=figures.HTML, text=figures.TEXT)
    return _edited(request, row)


@page
@while_open
def edit(request: HttpRequest, row: Campaign) -> HttpResponse:
    if row.is_split_test:
        raise Http404
    return _edited(request, row)


def _edited(request: HttpRequest, row: Campaign) -> HttpResponse:
    of, now = row.account, clock.now()
    planned = progress.coming([row]).get(row.pk) if row.pk else None
    first = {name: getattr(row, name) for name in figures.OWN} | {"kind": "standard"}
    first["from_address"] = row.from_address or of.from_address
    form = CampaignForm(of, request.POST or None, initial=first, old=bool(row.pk))
    seen = request.POST.get("seen", "") if request.method == "POST" else figures.seen(row)
    saving = request.method == "POST" and request.POST.get("do") != "look"
    found = _looked_at(row, request.POST if request.method == "POST" else first, request)
    if saving and form.is_valid():
        try:
            with signed(request, of, now):
                saved = figures.save(row, form.cleaned_data, now, seen=seen)
        except EngageError as problem:
            form.add_error(None, figures.refusals(problem, found["look"]))
            if problem.token == CHANGED:
                seen = figures.seen(row_of(row.pk))
        else:
            messages.success(request, _("“{name}” is saved.").format(name=saved.name), "good")
            return redirect("campaign", saved.pk)
    back = reverse("campaign", args=[row.pk]) if row.pk else reverse("campaigns")
    found |= {"form": form, "back": back, "row": row, "saving": saving, "planned": planned}
    said = _("Edit {name}").format(name=row.name) if row.pk else _("New campaign")
    return show(request, "usher/campaigns/edit.html", said=said, seen=seen, **found)


@page
@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """What is wrong with a mail that is being written, and how it looks."""
    return show_part(request, "usher/campaigns/look.html", **_looked_at(_row(request), request.POST, request))


def _row(request: HttpRequest) -> Campaign:
    said = request.POST.get("campaign", "")
    return row_of(int(said)) if said.isdecimal() and len(said) < 18 else Campaign(account=account())


def _looked_at(row: Campaign, said: Any, request: HttpRequest) -> dict[str, Any]:
    """A draft of these values, kept for the frame that shows it."""
    written = Campaign(pk=row.pk, account=row.account, name=row.name)
    for name in ("subject", "from_name", "from_address", "html", "text"):
        setattr(written, name, said.get(name) or "")
    address = request.POST.get("for", "").strip()
    seen = figures.look(written, figures.example(written, address), clock.now())
    token = request.POST.get("draft") or drafts.token()
    kept = drafts.put(token, seen.html)
    frame = f"{reverse('campaign_draft', args=[token])}?n={next(_number)}" if kept and seen.html else ""
    return {
        "look": seen,
        "token": token,
        "frame": frame,
        "for": seen.person.email if seen.person else address,
    }


@page
@xframe_options_sameorigin
def draft(request: HttpRequest, token: str) -> HttpResponse:
    """The mail that is being written, where nothing can run and nothing is fetched."""
    found = drafts.get(token)
    if found is None:
        raise Http404
    response = HttpResponse(found)
    response["Content-Security-Policy"] = MAIL_POLICY
    return response


@page
@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send what is stored to addresses that somebody names."""
    row, now = row_of(pk), clock.now()
    to = request.POST.get("to", "").replace(",", "\n").replace(";", "\n").splitlines()
    person = figures.example(row, request.POST.get("for", "").strip())
    try:
        with signed(request, row.account, now):
            made = proof.send(row, to, person, now)
    except EngageError as problem:
        messages.error(request, sentence(problem.message), "bad")
    else:
        whom = ", ".join(letter.to[0] for letter in made)
        messages.success(request, _("A test is on its way to {whom}.").format(whom=whom), "good")
    return redirect("campaign", pk)
