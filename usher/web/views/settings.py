"""Settings: who is logged in, and their password."""

from __future__ import annotations

from typing import cast

from django.conf import settings as values
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from usher.web.page import page, show


@page
def settings(request: HttpRequest) -> HttpResponse:
    return show(
        request, "usher/settings/settings.html", mode=values.USHER_MODE, public_url=values.USHER_PUBLIC_URL
    )


@page
def password(request: HttpRequest) -> HttpResponse:
    """A new password ends every other session of this person."""
    form = PasswordChangeForm(cast("User", request.user), request.POST or None)
    if request.method == "POST" and form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, _("Your password is changed. Everywhere else you are logged out."), "good")
        return redirect("settings")
    return show(request, "usher/settings/password.html", form=form)
