"""Whose contacts the pages show, and by whom they are changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.http import HttpRequest

from usher.engage import access, audit
from usher.engage.models import Account
from usher.lib import clock


def account() -> Account:
    """The engine's oldest account, which is the only one as long as nobody makes another."""
    return access.default_account(clock.now())


@contextmanager
def signed(request: HttpRequest, of: Account, now: datetime) -> Iterator[None]:
    """A transaction whose changes are written down as those of who has logged in."""
    with audit.signed(of, f"page {request.user.get_username()}", now):
        yield
