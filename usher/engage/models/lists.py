"""Lists of contacts (Dotdigital's address books)."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Lower

from usher.engage.models.accounts import Account
from usher.engage.models.contacts import Contact, Visibility


class ContactList(models.Model):
    """A named list that contacts are on."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="lists")
    name = models.CharField(max_length=128)
    visibility = models.CharField(max_length=8, choices=Visibility, default=Visibility.PRIVATE)
    #: Join actions: what a single add starts (imports never do).
    join_campaign = models.ForeignKey(
        "engage.Campaign", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    join_program = models.ForeignKey("engage.Program", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", Lower("name"), name="one_list_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A contact on a list."""

    list = models.ForeignKey(
        ContactList, on_delete=models.CASCADE, db_index=False, related_name="memberships"
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="memberships")
    joined_at = models.DateTimeField()
    #: Set when the contact left this list only, and stays subscribed in the account.
    unsubscribed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list", "contact"], name="once_on_a_list")]

    def __str__(self) -> str:
        return f"{self.contact_id} on {self.list_id}"


class BulkRemoval(models.Model):
    """Contacts taken off a list by one call, which clients ask after by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    removed = models.IntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.removed} contacts"
