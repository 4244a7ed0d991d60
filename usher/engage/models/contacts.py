"""Contacts, the data fields they carry, and the addresses that must not be mailed."""

from __future__ import annotations

from django.db import models

from usher.engage.models.accounts import Account


class Status(models.TextChoices):
    """Whether a contact may be mailed, in Dotdigital's words; only Subscribed may."""

    SUBSCRIBED = "Subscribed"
    PENDING_OPT_IN = "PendingOptIn"
    UNSUBSCRIBED = "Unsubscribed"
    SOFT_BOUNCED = "SoftBounced"
    HARD_BOUNCED = "HardBounced"
    ISP_COMPLAINED = "IspComplained"
    MAIL_BLOCKED = "MailBlocked"
    DIRECT_COMPLAINT = "DirectComplaint"
    SUPPRESSED = "Suppressed"
    DOMAIN_SUPPRESSION = "DomainSuppression"
    NO_MX_RECORD = "NoMxRecord"
    NOT_ALLOWED = "NotAllowed"
    SHARED_SUPPRESSION = "SharedSuppression"
    DELETED = "Deleted"


class OptInType(models.TextChoices):
    UNKNOWN = "Unknown"
    SINGLE = "Single"
    DOUBLE = "Double"
    VERIFIED_DOUBLE = "VerifiedDouble"


class EmailType(models.TextChoices):
    HTML = "Html"
    PLAIN_TEXT = "PlainText"


class FieldType(models.TextChoices):
    STRING = "String"
    NUMERIC = "Numeric"
    DATE = "Date"
    BOOLEAN = "Boolean"


class Visibility(models.TextChoices):
    PRIVATE = "Private"
    PUBLIC = "Public"


class Contact(models.Model):
    """Somebody who can be mailed, or who must not be."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="contacts")

    #: As it was given; shown and mailed.
    email = models.CharField(max_length=254)
    #: Lower case: what makes two addresses the same person.
    email_key = models.CharField(max_length=254)
    mobile_number = models.CharField(max_length=20, blank=True)

    status = models.CharField(max_length=20, choices=Status, default=Status.SUBSCRIBED)
    #: When the status last became what it is.
    status_at = models.DateTimeField()
    opt_in_type = models.CharField(max_length=16, choices=OptInType, default=OptInType.UNKNOWN)
    email_type = models.CharField(max_length=16, choices=EmailType, default=EmailType.HTML)

    #: Values by upper-case field name: text, number, true/false, or an ISO date text. Empty ones are absent.
    data = models.JSONField(default=dict)
    #: A seed proves that mail arrives; it is never counted as a customer. Set by the data field USHER_SEED.
    is_seed = models.BooleanField(default=False)

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "email_key"], name="one_contact_per_address"),
        ]
        indexes = [
            models.Index(fields=["account", "updated_at"], name="contacts_modified_since"),
        ]

    def __str__(self) -> str:
        return self.email


class DataField(models.Model):
    """A typed value that every contact of the account may carry."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="data_fields")
    #: Upper case; letters, digits, _ and -, at most 20.
    name = models.CharField(max_length=20)
    type = models.CharField(max_length=8, choices=FieldType)
    visibility = models.CharField(max_length=8, choices=Visibility, default=Visibility.PRIVATE)
    #: Used when personalising for a contact without a value; never stored on the contact.
    default_value = models.CharField(max_length=1000, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="one_field_per_name")]

    def __str__(self) -> str:
        return self.name


class Suppression(models.Model):
    """An address that must not be mailed, why, and since when; it outlives the contact."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="suppressions")
    email_key = models.CharField(max_length=254)
    #: Unsubscribed, HardBounced, IspComplained …
    reason = models.CharField(max_length=20, choices=Status)
    at = models.DateTimeField()
    #: Where it came from: "one-click", "page", "smtp 550 5.1.1 …", "api", "operator".
    source = models.CharField(max_length=500)
    message = models.ForeignKey("engage.Message", null=True, on_delete=models.SET_NULL, related_name="+")
    #: Set when a resubscribe lifted it.
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "email_key"],
                condition=models.Q(lifted_at=None),
                name="one_suppression_in_force",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email_key}: {self.reason}"
