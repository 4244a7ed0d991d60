"""Log in and out; who guesses passwords waits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.utils.translation import gettext_lazy as _

from usher.web.page import guarded
from usher.web.throttle import must_wait


class LoginForm(AuthenticationForm):
    """Django's form, which says so when too many wrong passwords were typed."""

    def clean(self) -> dict[str, Any]:
        name = (self.cleaned_data.get("username") or "").lower()
        address = self.request.META.get("REMOTE_ADDR") if self.request else None
        if must_wait(name, address):
            raise forms.ValidationError(
                _("Too many wrong passwords for this name. Try again in 15 minutes."), code="throttled"
            )
        return super().clean()


log_in = guarded(
    LoginView.as_view(
        template_name="usher/login.html", authentication_form=LoginForm, redirect_authenticated_user=True
    )
)
log_out = guarded(LogoutView.as_view())
