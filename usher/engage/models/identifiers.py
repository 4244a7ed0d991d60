"""Names of their own by which other systems call contacts."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from usher.engage.models.accounts import Account
from usher.engage.models.contacts import Contact


class CustomIdentifier(models.Model):
    """A kind of name, such as `crm-id`, that contacts of the account may have."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="custom_identifiers")
    name = models.CharField(max_length=50)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", Lower("name"), name="one_identifier_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ContactIdentifier(models.Model):
    """What a contact is called by that name; no other contact is called so."""

    identifier = models.ForeignKey(
        CustomIdentifier, on_delete=models.CASCADE, db_index=False, related_name="values"
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identifiers")
    value = models.CharField(max_length=255)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identifier", "value"], name="one_contact_per_identifier"),
            models.UniqueConstraint(fields=["identifier", "contact"], name="one_value_per_identifier"),
        ]

    def __str__(self) -> str:
        return f"{self.identifier_id}: {self.value}"
