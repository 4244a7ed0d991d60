"""Text messages (SMS): the outbox, and campaigns of them."""

from __future__ import annotations

import uuid

from django.db import models

from usher.engage.models.accounts import Account
from usher.engage.models.contacts import Contact


class TextState(models.TextChoices):
    QUEUED = "queued"
    CLAIMED = "claimed"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    #: Handed over and the answer was lost: never sent again blindly.
    AMBIGUOUS = "ambiguous"


class TextRoute(models.TextChoices):
    #: Opt-outs hold.
    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


class TextMessage(models.Model):
    """One text message to one number."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=13, choices=TextRoute)
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="texts")
    #: Digits only, from the country's code on.
    number = models.CharField(max_length=20)
    sender = models.CharField(max_length=20, blank=True)
    body = models.TextField()
    #: What the caller wants to have back with it.
    metadata = models.JSONField(null=True)
    #: What else the caller said of it, as it is given back.
    options = models.JSONField(default=dict, db_default={})
    state = models.CharField(max_length=10, choices=TextState, default=TextState.QUEUED)
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    #: When the gateway is asked next what became of it; null: not any more.
    ask_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    #: The gateway's own name for it, and its last answer.
    gateway_id = models.CharField(max_length=128, blank=True)
    code = models.IntegerField(null=True)
    reply = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state="queued"), name="texts_to_send"),
            models.Index(
                fields=["ask_at"], condition=models.Q(ask_at__isnull=False), name="texts_to_ask_about"
            ),
            models.Index(fields=["updated_at"], condition=models.Q(state="claimed"), name="texts_in_hand"),
            models.Index(fields=["account", "queued_at"], name="texts_lately"),
            models.Index(fields=["account", "number"], name="texts_to_number"),
        ]

    def __str__(self) -> str:
        return f"text {self.id} ({self.state})"


class InboundText(models.Model):
    """A message that somebody sent to the account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    #: Who sent it, if that is a contact.
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    channel = models.CharField(max_length=20)
    #: Digits only; empty when it came from no number.
    number = models.CharField(max_length=20, blank=True)
    #: As it was told.
    said = models.JSONField()
    #: received, delivered, read.
    status = models.CharField(max_length=9, default="received")
    received_at = models.DateTimeField()
    created_by = models.CharField(max_length=160)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=160)

    class Meta:
        indexes = [models.Index(fields=["account", "received_at"], name="inbound_texts_lately")]

    def __str__(self) -> str:
        return f"text {self.id} from {self.number}"


class TextCampaign(models.Model):
    """What is texted by hand of a marketer; published operations make and change it, none sends it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="text_campaigns")
    name = models.CharField(max_length=256)
    message = models.TextField()
    sender = models.CharField(max_length=15, blank=True)
    short_links = models.BooleanField(default=False)
    #: Unsent, Sending, Sent, Cancelled.
    status = models.CharField(max_length=10, default="Unsent")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
