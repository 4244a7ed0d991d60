"""Contacts, the data fields they carry, and the addresses that must not be mailed."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
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

    # kept by triggers that look once for all rows of a statement: an import has a hundred thousand
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="contacts"
    )

    #: As it was given; shown and mailed. Empty for somebody who has only a mobile number.
    email = models.CharField(max_length=254, blank=True)
    #: Lower case: what makes two addresses the same person; null without an address.
    email_key = models.CharField(max_length=254, null=True)
    #: Digits only, from the country's code on; empty when there is none.
    mobile_number = models.CharField(max_length=20, blank=True)
    #: How another system calls the contact (Spotler's external id); empty when none does.
    external_id = models.CharField(max_length=255, blank=True, default="", db_default="")

    status = models.CharField(max_length=20, choices=Status, default=Status.SUBSCRIBED)
    #: When the status last became what it is.
    status_at = models.DateTimeField()
    #: Of the mobile number: Subscribed, Unsubscribed, Suppressed, HardBounced; empty when nothing was agreed.
    sms_status = models.CharField(max_length=20, choices=Status, blank=True, default="", db_default="")
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
            models.UniqueConstraint(
                fields=["account", "mobile_number"],
                condition=~models.Q(mobile_number=""),
                name="one_contact_per_number",
            ),
            models.UniqueConstraint(
                fields=["account", "external_id"],
                condition=~models.Q(external_id=""),
                name="one_contact_per_external_id",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "updated_at"], name="contacts_modified_since"),
            # the few whom lists do not show: sizes of lists are all members without these
            models.Index(
                fields=["account"],
                condition=~models.Q(status__in=[Status.SUBSCRIBED, Status.PENDING_OPT_IN]),
                name="contacts_not_shown",
            ),
            # the very few whom no figure counts
            models.Index(fields=["id"], condition=models.Q(is_seed=True), name="contacts_seeds"),
        ]

    def __str__(self) -> str:
        return self.email or self.mobile_number


class ContactWords(models.Model):
    """The words by which a contact is found: of the address and the names, in lower case.

    A job writes them soon after the contact changed, so that writing contacts does not pay for the index.
    """

    # no key to check: a million rows are written at once, and a row without its contact is found by nobody
    contact = models.OneToOneField(
        Contact, primary_key=True, on_delete=models.CASCADE, db_constraint=False, related_name="words"
    )
    words = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["words"], name="contacts_by_words")]

    def __str__(self) -> str:
        return f"words of {self.contact_id}"


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


class Erased(models.Model):
    """Somebody was erased and must not be mailed: of the address only a keyed digest is left."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    #: usher.engage.contacts.erased.digests of the address.
    digest = models.BinaryField()
    #: The status that forbids mailing.
    reason = models.CharField(max_length=20, choices=Status)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "digest"], name="erased_once")]

    def __str__(self) -> str:
        return f"somebody: {self.reason}"


class SuppressedDomain(models.Model):
    """A domain whose addresses are never mailed."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="suppressed_domains")
    #: Lower case, without @.
    domain = models.CharField(max_length=253)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "domain"], name="one_row_per_domain")]

    def __str__(self) -> str:
        return self.domain


class Consent(models.Model):
    """What somebody agreed to: when, how, from which address and to which text."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="consents")
    text = models.TextField(blank=True)
    given_at = models.DateTimeField(null=True)
    url = models.TextField(blank=True)
    ip = models.CharField(max_length=64, blank=True)
    user_agent = models.TextField(blank=True)
    #: Where it came from: "api", "import", "form <name>".
    source = models.CharField(max_length=160)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [
            # sign-ups by a form; what imports bring is not in it
            models.Index(
                fields=["source", "recorded_at"],
                condition=models.Q(source__startswith="form "),
                name="consents_by_form",
            )
        ]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.text[:40]}"


class Preference(models.Model):
    """A topic that people may choose, or a category of topics."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="preferences")
    category = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="preferences")
    #: False: a category.
    is_preference = models.BooleanField(default=True)
    private_name = models.CharField(max_length=255)
    public_name = models.CharField(max_length=255, blank=True)
    #: Shown to contacts.
    is_public = models.BooleanField(default=False)
    #: Place among its siblings, from 0.
    place = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.private_name


class Choice(models.Model):
    """What a contact said about a preference."""

    preference = models.ForeignKey(
        Preference, on_delete=models.CASCADE, db_index=False, related_name="choices"
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="choices")
    opted_in = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["preference", "contact"], name="one_choice_each")]

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.preference_id} {'yes' if self.opted_in else 'no'}"


class Confirmation(models.Model):
    """Somebody was asked by mail whether they want to be mailed; the answer is a click."""

    class Kind(models.TextChoices):
        OPT_IN = "opt in"
        RESUBSCRIBE = "resubscribe"

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="confirmations")
    #: The list that was joined or is to be joined again; null: the account.
    list = models.ForeignKey("engage.ContactList", null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)
    #: Where the person is led to afterwards; empty: our own page.
    return_url = models.TextField(blank=True)
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    #: From where it was confirmed.
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} of {self.contact_id}"
