"""Who guesses passwords waits: at the log-in page and at Usher's own API alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Now
from django.http import HttpRequest

from usher.web.models import WrongLogin

WINDOW = timedelta(minutes=15)
#: Wrong passwords within the window: from one address for one name, and for one name from anywhere.
FROM_ONE_ADDRESS = 5
FROM_ANYWHERE = 30


class ThrottledBackend(ModelBackend):
    """Django's users and passwords; after too many wrong ones even the right one is refused for a while."""

    # Django calls every backend by keyword; its stubs of two levels of backends contradict each other
    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, **credentials: Any
    ) -> User | None:
        name = (credentials.get("username") or "").lower()
        address = request.META.get("REMOTE_ADDR") if request else None
        if must_wait(name, address):
            raise PermissionDenied
        user = super().authenticate(request, **credentials)
        if user is None and name:
            WrongLogin.objects.create(name=name[:150], address=address)
        return user


def must_wait(name: str, address: str | None) -> bool:
    """Whether so many wrong passwords were typed for this name (lower case) that nobody is let in now."""
    wrong = WrongLogin.objects.filter(name=name[:150], at__gt=Now() - WINDOW)
    return wrong.filter(address=address).count() >= FROM_ONE_ADDRESS or wrong.count() >= FROM_ANYWHERE
