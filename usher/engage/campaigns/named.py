"""Which campaign a name means: several may share one, and programs, files and join actions name them."""

from __future__ import annotations

from django.db.models import Case, QuerySet, Value, When

from usher.engage.models import Account, Campaign
from usher.engage.models.campaigns import CampaignStatus


def meant(account: Account, name: str) -> Campaign | None:
    """The campaign that a file defines under this name: the oldest, in any case of letters."""
    return Campaign.objects.filter(account=account, name__iexact=name).order_by("pk").first()


def sent_by_programs(account: Account) -> dict[str, int]:
    """Lower-case name -> the campaign that a program sends by it."""
    found: dict[str, int] = {}
    for name, pk in _by_choice(account).values_list("name", "pk"):
        found.setdefault(name.lower(), pk)
    return found


def sent_by_name(account: Account, name: str) -> Campaign | None:
    """The campaign that a program sends by this name: the oldest triggered one; else the oldest."""
    return _by_choice(account).filter(name__iexact=name).first()


def _by_choice(account: Account) -> QuerySet[Campaign]:
    other = Case(When(status=CampaignStatus.TRIGGERED, then=Value(0)), default=Value(1))
    return Campaign.objects.filter(account=account).order_by(other, "pk")
