"""An account of the engine, and the API users that may speak for it."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models

#: Before everything that happened.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Account(models.Model):
    """One organisation's contacts, lists, campaigns and programs, apart from every other's."""

    name = models.CharField(max_length=128, unique=True)
    #: Schedules, dates without a time and "at 07:00" are read in this zone.
    time_zone = models.CharField(max_length=64, default="UTC")
    #: From whom mail comes when a campaign does not say.
    from_name = models.CharField(max_length=128, blank=True)
    from_address = models.EmailField(default="mail@example.com")
    #: The last part of Message-ID and of return paths.
    mail_domain = models.CharField(max_length=255, default="localhost")
    #: Hosts of its own sites: links to them carry a mark, by which page views are told.
    tracked_sites = models.JSONField(default=list)
    #: New contacts have to confirm by mail, whatever a caller or form says.
    double_opt_in = models.BooleanField(default=False)
    #: A send without lists and contacts goes to everybody, as it once did; else it is refused.
    send_to_everybody = models.BooleanField(default=False)
    #: Numbers that differ from the usual ones, by name (calls by tier, enrolment calls an hour …).
    limits = models.JSONField(default=dict)
    #: Faults that are put into answers, for those who try out an integration; never in production.
    sandbox = models.JSONField(default=dict)
    #: The words of its contacts are written of all changes up to here.
    words_to = models.DateTimeField(default=BEGINNING, db_default=BEGINNING)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Scheme(models.TextChoices):
    """How an API user's calls are limited."""

    TIERED = "tiered"
    FLAT = "flat"
    NONE = "none"


class Permission(models.TextChoices):
    READ = "read"
    WRITE = "write"
    SEND = "send"


def everything() -> list[str]:
    """The permissions of an API user of whom nothing else is said."""
    return [str(one) for one in Permission.values]


class ApiUser(models.Model):
    """A user name and password with which a program calls the API."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_users")
    username = models.CharField(max_length=128, unique=True)
    #: Django's password hash.
    password = models.CharField(max_length=256)
    enabled = models.BooleanField(default=True)
    permissions = ArrayField(models.CharField(max_length=8, choices=Permission), default=everything)
    scheme = models.CharField(max_length=8, choices=Scheme, default=Scheme.TIERED)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.username


class SpotlerKey(models.Model):
    """A consumer key with its secret, which sign the calls of Spotler's API (OAuth 1.0a)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="spotler_keys")
    key = models.CharField(max_length=128, unique=True)
    #: Sealed (usher.lib.secrets): a signature can only be checked with the secret itself.
    secret = models.TextField()
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class UsedNonce(models.Model):
    """A nonce that a signed call has used: the same call is not taken twice."""

    key = models.ForeignKey(SpotlerKey, on_delete=models.CASCADE, db_index=False, related_name="+")
    nonce = models.CharField(max_length=255)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "at", "nonce"], name="one_use_of_a_nonce")]

    def __str__(self) -> str:
        return self.nonce


class ApiCall(models.Model):
    """A call that was answered, for those who look for what their integration does."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    user = models.ForeignKey(ApiUser, null=True, on_delete=models.SET_NULL, db_index=False, related_name="+")
    at = models.DateTimeField()
    method = models.CharField(max_length=8)
    #: With its query.
    path = models.CharField(max_length=2000)
    status = models.SmallIntegerField()
    #: The token of the error, if it was one.
    token = models.CharField(max_length=64, blank=True)
    milliseconds = models.IntegerField()
    #: What was sent and answered, cut short; without secrets.
    sent = models.TextField(blank=True)
    answered = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["account", "-at"], name="calls_lately")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status}"


class Audit(models.Model):
    """A change that somebody made, with what was there before and after."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    at = models.DateTimeField()
    #: "api <user name>", "page <user name>", "form <name>".
    by = models.CharField(max_length=160)
    #: "contact", "list", "data field" …
    kind = models.CharField(max_length=32)
    #: The id or name of what was changed.
    key = models.CharField(max_length=255)
    #: "create", "change", "delete", "unsubscribe" …
    act = models.CharField(max_length=32)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "-at"], name="audit_lately"),
            models.Index(fields=["account", "kind", "key"], name="audit_of_a_thing"),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.kind} {self.key}"
