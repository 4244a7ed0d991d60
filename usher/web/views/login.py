"""Log in and out; who guesses passwords waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from usher.web.models import WrongLogin
from usher.web.page import guarded

WINDOW = timedelta(minutes=15)
#: Wrong passwords within the window: from one address for one name, and for one name from anywhere.
FROM_ONE_ADDRESS = 5
FROM_ANYWHERE = 30


class LoginForm(AuthenticationForm):
    """Django's form, which refuses even a right password after too many wrong ones."""

    def clean(self) -> dict[str, Any]:
        name = (self.cleaned_data.get("username") or "").lower()
        address = self.request.META.get("REMOTE_ADDR") if self.request else None
        if _must_wait(name, address):
            raise forms.ValidationError(
                _("Too many wrong passwords for this name. Try again in 15 minutes."), code="throttled"
            )
        try:
            return super().clean()
        except forms.ValidationError:
            WrongLogin.objects.create(name=name, address=address)
            raise


def _must_wait(name: str, address: str | None) -> bool:
    wrong = WrongLogin.objects.filter(name=name, at__gt=Now() - WINDOW)
    return wrong.filter(address=address).count() >= FROM_ONE_ADDRESS or wrong.count() >= FROM_ANYWHERE


log_in = guarded(
    LoginView.as_view(
        template_name="usher/login.html", authentication_form=LoginForm, redirect_authenticated_user=True
    )
)
log_out = guarded(LogoutView.as_view())
