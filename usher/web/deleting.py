"""Deleting a thing of the engine: only after its name was typed."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from usher.engage.errors import EngageError
from usher.engage.models import Account
from usher.lib import clock
from usher.web.account import signed


def deleted(request: HttpRequest, of: Account, name: str, remove: Callable[[], object]) -> str:
    """Delete the thing of this name, in any case of letters; why it was not, if it was not."""
    if request.POST.get("typed", "").strip().casefold() != name.strip().casefold():
        return _("what was typed is not “{name}”").format(name=name)
    try:
        with signed(request, of, clock.now()):
            remove()
    except EngageError as problem:
        return problem.message
    messages.success(request, _("“{name}” is deleted.").format(name=name), "good")
    return ""
