"""Campaigns: what is mailed, and the links in it."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
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


class ReplyAction(models.TextChoices):
    """What becomes of replies. They go to the address in the mail; nothing collects them here."""

    UNSET = "Unset"
    FORWARD = "WebMailForward"
    WEBMAIL = "Webmail"
    DELETE = "Delete"


class Campaign(models.Model):
    """A mail's content. A triggered one is sent by programs and join actions, again and again."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=255)
    subject = models.CharField(max_length=998)
    from_name = models.CharField(max_length=128, blank=True)
    from_address = models.CharField(max_length=254, blank=True)
    #: The address that stands in the mail for replies.
    reply_to = models.CharField(max_length=254, blank=True)
    #: Whom replies are forwarded to, as the API calls it; replies go there by `reply_to`.
    forward_to = models.CharField(max_length=254, blank=True)
    #: One of ReplyAction.
    reply_action = models.CharField(max_length=16, default="Unset")
    tags = models.JSONField(default=list)
    #: Only whoever has not opted out of this topic is mailed.
    preference = models.ForeignKey(
        "engage.Preference", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    #: Liquid and @FIELD@; http://$UNSUB$ where the unsubscribe link goes.
    html = models.TextField()
    text = models.TextField()
    status = models.CharField(max_length=12, choices=CampaignStatus, default=CampaignStatus.UNSENT)
    #: It has versions that are tried against each other; its own content is the first of them.
    is_split_test = models.BooleanField(default=False)
    #: The version that won; empty before that.
    winner = models.CharField(max_length=1, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        # several may have one name; programs, rules and files mean the oldest of them
        indexes = [models.Index("account", Lower("name"), name="campaigns_by_name")]

    def __str__(self) -> str:
        return self.name


class CampaignVersion(models.Model):
    """One of the contents of a campaign that are tried against each other."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="versions")
    #: A, B, C …
    letter = models.CharField(max_length=1)
    subject = models.CharField(max_length=998)
    from_name = models.CharField(max_length=128, blank=True)
    from_address = models.CharField(max_length=254, blank=True)
    html = models.TextField()
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "letter"], name="one_version_per_letter")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.letter}"


class Link(models.Model):
    """A target of a campaign's links: clicks are counted to it and sent on to its address."""

    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.CASCADE, related_name="links")
    #: A letter of its own content has its own links, which may be secrets of its reader.
    letter = models.ForeignKey(
        "engage.Letter", null=True, on_delete=models.CASCADE, db_index=False, related_name="links"
    )
    #: As rendered, so a personalised address is a link of its own.
    url = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint("campaign", MD5("url"), name="one_link_per_address"),
            models.UniqueConstraint("letter", MD5("url"), name="one_link_per_letter_and_address"),
            models.CheckConstraint(
                condition=models.Q(campaign__isnull=True) ^ models.Q(letter__isnull=True),
                name="a_link_of_one_mail",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class SendStatus(models.TextChoices):
    NOT_SENT = "NotSent"
    SCHEDULED = "Scheduled"
    SENDING = "Sending"
    SENT = "Sent"
    CANCELLED = "Cancelled"


class Send(models.Model):
    """A campaign is to go to these lists, segments and contacts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="sends")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="sends")
    status = models.CharField(max_length=10, choices=SendStatus, default=SendStatus.NOT_SENT)
    #: Not before this moment.
    due_at = models.DateTimeField()
    #: Each contact gets it at the hour at which it opens most.
    optimised = models.BooleanField(default=False)
    #: Lists and segments.
    lists = ArrayField(models.BigIntegerField(), default=list)
    contacts = ArrayField(models.BigIntegerField(), default=list)
    #: Nobody was named and everybody is meant.
    everybody = models.BooleanField(default=False)
    #: {"testMetric", "testPercentage", "testPeriodHours"} as sent; null without a split test.
    split = models.JSONField(null=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    #: Contacts up to this id have been looked at; those beyond are still to come.
    reached = models.BigIntegerField(default=0)
    #: Of a split test whose mails are all in the outbox: when its winner is chosen and goes to the others.
    decide_at = models.DateTimeField(null=True)
    #: When its mails were all in the outbox.
    queued_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(status__in=["NotSent", "Scheduled"]),
                name="sends_to_start",
            )
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} at {self.due_at}"


class FromAddress(models.Model):
    """An address that mail of the account may come from."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="from_addresses")
    email = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", Lower("email"), name="one_from_address_each")]

    def __str__(self) -> str:
        return self.email
