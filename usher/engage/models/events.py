"""What happened in an account, for those who subscribe to it."""

from __future__ import annotations

import uuid

from django.db import models

from usher.engage.models.accounts import Account


class Happening(models.Model):
    """One event, in the order in which they became known (its id)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    #: contact.created, contact.membershipUpdated, message.status …
    type = models.CharField(max_length=80)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    data = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["account", "id"], name="happenings_in_order")]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class Subscription(models.Model):
    """A client that fetches what happened; what it has confirmed is not shown again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="subscriptions")
    name = models.CharField(max_length=50)
    #: active or inactive.
    status = models.CharField(max_length=8, default="active")
    #: As sent: [{"eventType", "filters": [...]}].
    types = models.JSONField(default=list)
    alerts = models.JSONField(null=True)
    #: The last event that was confirmed.
    after = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="one_subscription_per_name")]

    def __str__(self) -> str:
        return self.name
