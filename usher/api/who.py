"""Who calls: the name that stands in the history beside what they did."""

from __future__ import annotations

from django.http import HttpRequest


def username(request: HttpRequest) -> str:
    """The user name behind the call's login."""
    return str(getattr(request, "auth").get_username())  # noqa: B009 - Ninja sets it, types do not know
