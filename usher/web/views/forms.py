"""Sign-up forms: listed, made and changed, looked at, put on other pages, and their sign-ups over time."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from usher.engage.errors import EngageError
from usher.engage.forms import edit as engine
from usher.engage.models import Account, ContactList, Form
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.figures import forms as figures
from usher.web.page import page, show

#: The form as people see it, in a frame: it can send nothing, and fetch nothing.
LOOKED_AT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"


class SignUpForm(forms.Form):
    """What a sign-up form says, and where it leads."""

    name = forms.CharField(max_length=128, label=gettext_lazy("Name for you"))
    list: forms.ModelChoiceField[ContactList] = forms.ModelChoiceField(
        None,
        label=gettext_lazy("Puts people on the list"),
        empty_label=gettext_lazy("choose a list"),
        help_text=gettext_lazy("Whether people confirm by mail is said by the list."),
    )
    title = forms.CharField(max_length=255, label=gettext_lazy("Title"))
    intro = forms.CharField(
        required=False, label=gettext_lazy("Introduction"), widget=forms.Textarea(attrs={"rows": 2})
    )
    consent_text = forms.CharField(
        max_length=10_000,
        label=gettext_lazy("What people agree to"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Stands beside a box that has to be ticked; kept with each who signs up."),
    )
    slug = forms.CharField(
        required=False,
        max_length=80,
        label=gettext_lazy("Last part of its address"),
        help_text=gettext_lazy("Letters, digits, - and _. Empty: made of the name."),
    )
    thanks = forms.CharField(
        required=False,
        label=gettext_lazy("Thanks"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Shown afterwards, unless people are led to a page of yours."),
    )
    return_url = forms.CharField(
        required=False,
        label=gettext_lazy("Leads to afterwards"),
        widget=forms.TextInput(attrs={"placeholder": "https://"}),
    )
    enabled = forms.BooleanField(required=False, label=gettext_lazy("Open: people can sign up"))

    def __init__(self, of: Account, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["list"].queryset = figures.lists(of)  # type: ignore[attr-defined]


@page
def sign_up_forms(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/forms/list.html", rows=figures.forms(account()))


@page
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """The form's address and code, how it looks, and who signed up by it."""
    row = _row(pk)
    found = {"row": row, "address": figures.address_of(row), "code": figures.code_of(row)}
    found |= {"signed": figures.sign_ups(row, clock.now(), ZoneInfo(settings.TIME_ZONE))}
    return show(request, "usher/forms/one.html", **found)


@page
def look(request: HttpRequest, pk: int) -> HttpResponse:
    """The form as people see it, without being able to send it."""
    response = render(request, "engage/form.html", figures.asked(_row(pk)))
    response["Content-Security-Policy"] = LOOKED_AT
    return response


@page
def new(request: HttpRequest) -> HttpResponse:
    return _edited(request, account(), None)


@page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = _row(pk)
    return _edited(request, row.account, row)


def _edited(request: HttpRequest, of: Account, row: Form | None) -> HttpResponse:
    first = {name: getattr(row, name) for name in SignUpForm.base_fields} if row else {"enabled": True}
    form = SignUpForm(of, request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid() and (saved := _saved(request, of, row, form)):
        messages.success(request, _("“{name}” is saved.").format(name=saved.name), "good")
        return redirect("sign_up_form", saved.pk)
    said = request.POST if request.method == "POST" else None
    ticked = _ticked(request) if said is not None else (row.preferences if row else [])
    found = {
        "form": form,
        "old": row.name if row else "",
        "fields": figures.fields_of(of, row, said),
        "topics": [(topic, topic.pk in ticked) for topic in figures.topics(of)],
        "back": reverse("sign_up_form", args=[row.pk]) if row else reverse("sign_up_forms"),
        "lists": figures.lists(of).exists(),
    }
    return show(request, "usher/forms/edit.html", **found)


def _saved(request: HttpRequest, of: Account, row: Form | None, form: SignUpForm) -> Form | None:
    """The saved form; None when it was refused, which the page then says."""
    now, said = clock.now(), form.cleaned_data
    chosen = sorted(figures.said_fields(request.POST).values(), key=lambda one: one.place)
    asks = [engine.Asked(one.name, one.label, one.required) for one in chosen if one.place]
    try:
        with signed(request, of, now):
            return figures.save(of, row, engine.Draft(**said, fields=asks, preferences=_ticked(request)), now)
    except EngageError as problem:
        form.add_error(None, problem.message)
        return None


def _ticked(request: HttpRequest) -> list[int]:
    said = request.POST.getlist("topic")
    return [int(one) for one in said if one.isdecimal() and len(one) < 19]


def _row(pk: int) -> Form:
    return get_object_or_404(Form.objects.select_related("account", "list"), pk=pk, account=account())
