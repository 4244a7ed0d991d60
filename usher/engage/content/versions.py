"""Campaigns with versions: the content of one of them."""

from __future__ import annotations

from copy import copy

from usher.engage.models import Campaign, CampaignVersion

#: What versions may differ in.
FIELDS = ("subject", "from_name", "from_address", "html", "text")


def as_version(campaign: Campaign, letter: str) -> Campaign:
    """The campaign with the content of this version, which is not to be saved."""
    version = CampaignVersion.objects.get(campaign=campaign, letter=letter)
    shown = copy(campaign)
    for field in FIELDS:
        setattr(shown, field, getattr(version, field))
    return shown
