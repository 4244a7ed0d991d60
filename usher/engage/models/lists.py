"""Lists of contacts (Dotdigital's address books)."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Lower

from usher.engage.models.accounts import Account
from usher.engage.models.contacts import Contact, Visibility


class ListKind(models.TextChoices):
    #: Somebody puts contacts on it.
    LIST = "list"
    #: Its members are those whom its rule finds.
    SEGMENT = "segment"
    #: Another system keeps its members, by Spotler's API.
    EXTERNAL = "external"


class RefreshState(models.TextChoices):
    NOT_STARTED = "NotStarted"
    NOT_FINISHED = "NotFinished"
    FINISHED = "Finished"
    FAILED = "Failed"


class ContactList(models.Model):
    """A named list that contacts are on. Segments and external audiences are lists too: one id, one name."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="lists")
    #: At most 128 characters, but 255 of an external audience.
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=8, choices=ListKind, default=ListKind.LIST)
    visibility = models.CharField(max_length=8, choices=Visibility, default=Visibility.PRIVATE)
    description = models.TextField(blank=True)
    folder = models.CharField(max_length=255, blank=True)
    #: Whoever joins by a form has to confirm by mail.
    double_opt_in = models.BooleanField(default=False)
    #: Of a segment: a rule about contacts; when its members were last worked out, and how that went.
    rule = models.TextField(blank=True)
    refresh_state = models.CharField(max_length=12, choices=RefreshState, default=RefreshState.NOT_STARTED)
    refreshed_at = models.DateTimeField(null=True)
    refresh_error = models.TextField(blank=True)
    #: Of an external audience: how the other system calls it, and what that did last.
    external_id = models.CharField(max_length=255, blank=True)
    changed_at = models.DateTimeField(null=True)
    last_added_at = models.DateTimeField(null=True)
    last_removed_at = models.DateTimeField(null=True)
    #: Join actions: what a single add starts (imports never do).
    join_campaign = models.ForeignKey(
        "engage.Campaign", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    join_program = models.ForeignKey("engage.Program", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", Lower("name"), name="one_list_per_name"),
            models.UniqueConstraint(
                fields=["account", "external_id"],
                condition=~models.Q(external_id=""),
                name="one_list_per_external_id",
            ),
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


class BulkDeletion(models.Model):
    """Contacts that one call of version 3 deletes, which clients ask after by its id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    #: As they were sent: [{"email": …}, {"contactId": …}].
    identifiers = models.JSONField(default=list)
    #: NotStarted, NotFinished, Finished, Failed.
    state = models.CharField(max_length=12, choices=RefreshState, default=RefreshState.NOT_STARTED)
    #: What the reply shows when it has ended: {"summary": counters, "deleted": […], "failures": […]}.
    summary = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


def none() -> list[Any]:
    """Said by name: in the class `list` is a field of its own."""
    return []


class Form(models.Model):
    """A hosted page on which people put themselves on a list."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="forms")
    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="forms")
    name = models.CharField(max_length=128)
    #: The last part of its address, over all accounts.
    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=255)
    intro = models.TextField(blank=True)
    #: What somebody agrees to by signing up.
    consent_text = models.TextField()
    #: Data fields that are asked for: [{"name": "FIRSTNAME", "label": "First name", "required": false}].
    fields = models.JSONField(default=none)
    #: Preferences that are offered, by id.
    preferences = models.JSONField(default=none)
    thanks = models.TextField(blank=True)
    #: Where the person is led to afterwards; empty: a page of ours that thanks.
    return_url = models.TextField(blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("account", Lower("name"), name="one_form_per_name")]

    def __str__(self) -> str:
        return self.name
