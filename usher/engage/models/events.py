"""What happened in an account, those who are told of it, and what other systems tell of contacts."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from usher.engage.models.accounts import Account
from usher.engage.models.contacts import Contact


class Feed(models.TextChoices):
    """Who is told of a happening."""

    #: Subscriptions, which fetch.
    EVENTS = "events"
    #: Webhooks, to which it is pushed.
    WEBHOOKS = "webhooks"


class Happening(models.Model):
    """Something that happened. Triggers write it with its cause, and only when somebody wants to be told."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    feed = models.CharField(max_length=8, choices=Feed, default=Feed.EVENTS, db_default="events")
    #: contact.created, contact.membershipUpdated, message.status …
    type = models.CharField(max_length=80)
    #: Its name outside.
    key = models.UUIDField(default=uuid.uuid4)
    at = models.DateTimeField()
    data = models.JSONField()
    #: Its place among what has been committed, and when it got it; null until somebody asks.
    number = models.BigIntegerField(null=True)
    recorded_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "feed", "number"], name="happenings_in_order"),
            models.Index(
                fields=["account", "feed", "id"],
                condition=models.Q(number__isnull=True),
                name="happenings_without_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class Subscription(models.Model):
    """A client that fetches what happened; what it has confirmed is not shown again."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="subscriptions")
    name = models.CharField(max_length=50)
    #: active or inactive.
    status = models.CharField(max_length=8, default="active")
    #: [{"eventType", "filters": [{"field", "matchPattern", "caseSensitive"}]}].
    types = models.JSONField(default=list)
    #: {"alertChannels", "email"}.
    alerts = models.JSONField(default=dict)
    #: The number of the last happening that was confirmed.
    after = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    #: When it was fetched last, or became active.
    read_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", Lower("name"), name="one_subscription_per_name")]

    def __str__(self) -> str:
        return self.name


class Webhook(models.Model):
    """An address to which is posted what happens to messages."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=255)
    url = models.TextField()
    #: Sealed (usher.lib.secrets), because what is posted is signed with it; empty: it is not signed.
    secret = models.TextField(blank=True)
    #: As sent: [{"type", "filters": [{"name", "value"}]}].
    subscriptions = models.JSONField(default=list)
    #: The types of happenings that are posted.
    events = ArrayField(models.CharField(max_length=80), default=list)
    #: Are several happenings posted as a list, or each by itself?
    batch = models.BooleanField(default=False)
    max_batch_size = models.PositiveSmallIntegerField(default=100)
    batch_timeout = models.PositiveSmallIntegerField(default=60)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=160)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=160)
    deleted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class WebhookState(models.Model):
    """How far a webhook has come: kept apart, because nobody changes it by hand."""

    webhook = models.OneToOneField(Webhook, primary_key=True, on_delete=models.CASCADE, related_name="state")
    #: The number of the last happening that was taken, or given up.
    after = models.BigIntegerField(default=0)
    #: Calls that have failed since the last that did not, and since when.
    failures = models.PositiveSmallIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    #: Not called before this moment.
    due_at = models.DateTimeField()
    #: Why the last call failed.
    error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.webhook_id} after {self.after}"


class ContactEvent(models.Model):
    """What another system tells that a contact did."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="events")
    type = models.CharField(max_length=80)
    #: How the other system calls it: told again, it is the same one. Empty when it says nothing.
    key = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField()
    #: For the timeline of the contact; empty: it is not shown there.
    summary = models.CharField(max_length=160, blank=True)
    data = models.JSONField(default=dict)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "key"], condition=~models.Q(key=""), name="one_contact_event_per_key"
            )
        ]
        indexes = [models.Index(fields=["contact", "at"], name="events_of_contact")]

    def __str__(self) -> str:
        return f"{self.type} of {self.contact_id}"
