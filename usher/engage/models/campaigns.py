"""Campaigns: what is mailed, and the links in it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import MD5, Lower

from usher.engage.models.accounts import Account


class CampaignStatus(models.TextChoices):
    UNSENT = "Unsent"
    SENDING = "Sending"
    SENT = "Sent"
    PAUSED = "Paused"
    CANCELLED = "Cancelled"
    TRIGGERED = "Triggered"


class Campaign(models.Model):
    """A mail's content. A triggered one is sent by programs and join actions, again and again."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=255)
    subject = models.CharField(max_length=998)
    from_name = models.CharField(max_length=128, blank=True)
    from_address = models.CharField(max_length=254, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    #: Liquid and @FIELD@; http://$UNSUB$ where the unsubscribe link goes.
    html = models.TextField()
    text = models.TextField()
    status = models.CharField(max_length=12, choices=CampaignStatus, default=CampaignStatus.UNSENT)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", Lower("name"), name="one_campaign_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Link(models.Model):
    """A target of a campaign's links: clicks are counted to it and sent on to its address."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="links")
    #: As rendered, so a personalised address is a link of its own.
    url = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint("campaign", MD5("url"), name="one_link_per_address"),
        ]

    def __str__(self) -> str:
        return self.url
