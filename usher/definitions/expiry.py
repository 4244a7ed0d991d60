"""Audiences whose last day has come: emptied from then on, unless something still depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.audiences.models import Audience
from usher.definitions.uses import Use, uses


@dataclass(frozen=True)
class Overdue:
    """An audience that lives on after its day, because of what depends on it."""

    audience: Audience
    uses: list[Use]


def settle(now: datetime) -> list[Overdue]:
    """Mark what expires and unmark what is needed again; what has to live on, and why.

    Evaluations leave a marked audience empty (see usher.audiences.rulebook.expired). Twice is as once.
    """
    today = now.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    overdue = []
    for audience in Audience.objects.filter(expires_on__lte=today).select_related("group"):
        found = uses(audience)
        if found:
            overdue.append(Overdue(audience, found))
        if bool(found) == (audience.expired_at is not None):
            audience.expired_at = None if found else now
            audience.save(update_fields=["expired_at"])
    return overdue
