"""What is counted once and kept, because counting it takes longer than a page may."""

from __future__ import annotations

from django.db import models

from usher.engage.models.campaigns import Campaign


class CampaignCount(models.Model):
    """How a large campaign was received, as it was last counted: reports.received says when it is used."""

    campaign = models.OneToOneField(
        Campaign, primary_key=True, on_delete=models.CASCADE, related_name="counted"
    )
    counted_at = models.DateTimeField()
    #: reports.received.Received as it is written there.
    numbers = models.JSONField()

    def __str__(self) -> str:
        return f"{self.campaign_id} at {self.counted_at}"
