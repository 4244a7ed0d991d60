"""Last days of audiences: to come when they are written; once there, nobody is in it unless it is in use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from usher.audiences import editing
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
from usher.definitions.uses import Use, uses
from usher.lib.changes import DefinitionError


@dataclass(frozen=True)
class Overdue:
    """An audience that lives on after its day, because of what depends on it."""

    audience: Audience
    uses: list[Use]


def demand_day_to_come(kind: Audience.Kind, name: str, day: date | None, now: datetime) -> None:
    """DefinitionError for a last day that is past when it is first written; one that was kept may pass."""
    try:
        editing.demand_to_come(day, now)
    except AudienceError as problem:
        if not Audience.objects.filter(kind=kind, name=name, expires_on=day).exists():
            raise DefinitionError(kind.label, name, "expires_on", str(problem)) from None


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
