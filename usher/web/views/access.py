"""API users, whose secret is shown once, and the record of what the API was asked and answered."""

from __future__ import annotations

import secrets
import shlex
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from usher.engage import access, sandbox
from usher.engage import calls as record
from usher.engage.models import ApiCall, ApiUser
from usher.engage.models.accounts import Permission, Scheme
from usher.engage.sandbox import faults_of
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.figures import access as figures
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import stretch_of

PERMISSIONS = [
    (Permission.READ, gettext_lazy("read")),
    (Permission.WRITE, gettext_lazy("write contacts, lists and content")),
    (Permission.SEND, gettext_lazy("send mail and enrol in programs")),
]
SCHEMES = [
    (Scheme.TIERED, gettext_lazy("by the minute and tier")),
    (Scheme.FLAT, gettext_lazy("by the hour")),
    (Scheme.NONE, gettext_lazy("not at all")),
]


class UserForm(forms.Form):
    """What an API user may do, and how often."""

    username = forms.CharField(max_length=128, label=gettext_lazy("User name"))
    permissions = forms.MultipleChoiceField(
        choices=PERMISSIONS, widget=forms.CheckboxSelectMultiple, label=gettext_lazy("May")
    )
    scheme = forms.ChoiceField(choices=SCHEMES, label=gettext_lazy("Calls are limited"))


class ChangeForm(UserForm):
    """The same of one that is there: it keeps its name."""

    username = None  # type: ignore[assignment]  # how Django leaves out a field
    enabled = forms.BooleanField(required=False, label=gettext_lazy("May call at all"))


@page
def users(request: HttpRequest) -> HttpResponse:
    of, now = account(), clock.now()
    found = {"rows": figures.users(of, now), "limits": figures.limits(of), "faults": faults_of(of)}
    pulse = figures.pulse(of, now, settings.TIME_ZONE)
    return show(request, "usher/access/users.html", pulse=pulse, **found)


@page
def new(request: HttpRequest) -> HttpResponse:
    """Make an API user, and show its password this once."""
    first: dict[str, Any] = {"username": f"apiuser-{secrets.token_hex(6)}@apiconnector.com"}
    first |= {"permissions": list(Permission.values), "scheme": Scheme.TIERED}
    form, of, now = UserForm(request.POST or None, initial=first), account(), clock.now()
    if request.method == "POST" and form.is_valid():
        try:
            with signed(request, of, now):
                said = form.cleaned_data
                name, secret = figures.make(of, said["username"], said["permissions"], said["scheme"], now)
        except access.AccessError as problem:
            form.add_error("username", str(problem))
        else:
            return _shown(request, name, secret)
    return show(request, "usher/access/edit.html", form=form, row=None)


@page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row, now = _row(pk), clock.now()
    first = {name: getattr(row, name) for name in ChangeForm.base_fields}
    form = ChangeForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        with signed(request, row.account, now):
            scheme = Scheme(said["scheme"])
            access.change_api_user(
                row.username, enabled=said["enabled"], permissions=said["permissions"], scheme=scheme
            )
        messages.success(request, _("“{name}” is saved.").format(name=row.username), "good")
        return redirect("api_users")
    return show(request, "usher/access/edit.html", form=form, row=row)


@page
@require_POST
def renew(request: HttpRequest, pk: int) -> HttpResponse:
    """A new password, shown this once; the old one is no longer taken."""
    row, secret = _row(pk), access.new_password()
    with signed(request, row.account, clock.now()):
        access.change_api_user(row.username, password=secret)
    return _shown(request, row.username, secret)


def _shown(request: HttpRequest, name: str, secret: str) -> HttpResponse:
    """The password, this once, with a call to try it by."""
    words = ["curl", "-u", f"{name}:{secret}", f"{settings.USHER_PUBLIC_URL}/v2/account-info"]
    found = {"name": name, "secret": secret, "try": shlex.join(words)}
    return show(request, "usher/access/secret.html", **found)


@page
def calls(request: Asked) -> HttpResponse:
    of, errors = account(), request.GET.get("errors") == "on"
    text = request.GET.get("q", "").strip()
    said = request.GET.get("user", "")
    user = int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else None
    rows = stretch_of(request, figures.calls(of, errors=errors, user=user, text=text), "-at", "-pk")
    found = {"rows": rows, "errors": errors, "user": user, "text": text}
    if wants_part(request):
        return show_part(request, "usher/access/found.html", **found)
    more = {"users": access.api_users(of), "faults": faults_of(of)}
    return show(request, "usher/access/calls.html", **more, **found)


@page
def call(request: HttpRequest, pk: int) -> HttpResponse:
    """One call with what was sent and answered, and the command that makes it again."""
    row = get_object_or_404(ApiCall.objects.select_related("user"), pk=pk, account=account())
    found = {"again": record.curl(row, settings.USHER_PUBLIC_URL), "failed": row.status >= figures.ERRORS}
    found |= {"sent": figures.pretty(row.sent), "answered": figures.pretty(row.answered)}
    return show(request, "usher/access/call.html", row=row, **found)


@page
@require_POST
def faultless(request: HttpRequest) -> HttpResponse:
    """Nothing goes wrong on purpose any more."""
    of, now = account(), clock.now()
    with signed(request, of, now):
        sandbox.put(of, None, now)
    messages.success(request, _("The API answers as well as it can again."), "good")
    return redirect("api_users")


def _row(pk: int) -> ApiUser:
    return get_object_or_404(ApiUser.objects.select_related("account"), pk=pk, account=account())
