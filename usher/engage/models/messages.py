"""The outbox: one row per mail, from queued to its end, and what came back of it."""

from __future__ import annotations

from django.db import models

from usher.engage.models.accounts import Account
from usher.engage.models.campaigns import Campaign, Link
from usher.engage.models.contacts import Contact
from usher.engage.models.programs import Enrolment


class MessageState(models.TextChoices):
    QUEUED = "queued"
    #: In the hands of one sender; its claim says of whom.
    CLAIMED = "claimed"
    SENT = "sent"
    #: Refused for good by the receiving side (5xx).
    BOUNCED = "bounced"
    #: Given up: rendering failed, or deferred until its patience ended.
    FAILED = "failed"
    #: Not sent because the contact may no longer be mailed.
    SKIPPED = "skipped"
    #: Its data was sent and the answer was lost: never sent again blindly.
    AMBIGUOUS = "ambiguous"


class Claim(models.Model):
    """A batch of messages in one sender's hands.

    The sender holds a PostgreSQL advisory lock on the claim's id while it lives; a claim whose lock can
    be had belongs to a dead sender, and what became of its messages has to be found out.
    """

    claimed_at = models.DateTimeField()
    size = models.IntegerField()
    settled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"claim {self.pk} of {self.size}"


class Message(models.Model):
    """One mail to one contact."""

    # the indexes below serve the foreign keys too: each further one would be paid for with every mail
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, db_index=False, related_name="messages")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="messages")
    #: The enrolment and send node that asked for it, if a program did.
    enrolment = models.ForeignKey(
        Enrolment, null=True, on_delete=models.CASCADE, db_index=False, related_name="messages"
    )
    node = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=10, choices=MessageState, default=MessageState.QUEUED)
    queued_at = models.DateTimeField()
    #: Not before this moment; moved on after a deferral.
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.ForeignKey(
        Claim, null=True, on_delete=models.SET_NULL, db_index=False, related_name="messages"
    )

    #: When the relay took it.
    sent_at = models.DateTimeField(null=True)
    #: The relay's last answer, and where in the dialogue it came.
    relay = models.CharField(max_length=255, blank=True)
    code = models.SmallIntegerField(null=True)
    reply = models.CharField(max_length=500, blank=True)
    #: Why it was skipped or failed, in words.
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            # queueing the same step again is harmless
            models.UniqueConstraint(fields=["enrolment", "node"], name="one_message_per_step"),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], condition=models.Q(state="queued"), name="messages_to_send"
            ),
            models.Index(fields=["claim"], condition=models.Q(state="claimed"), name="messages_in_hand"),
            models.Index(fields=["contact", "queued_at"], name="messages_of_contact"),
            models.Index(fields=["campaign", "state"], name="messages_of_campaign"),
            models.Index(fields=["sent_at"], name="messages_sent"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} ({self.state})"


class Open(models.Model):
    """The pixel of a mail was loaded."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="opens")
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"open of {self.message_id}"


class Click(models.Model):
    """A link of a mail was followed."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="clicks")
    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="clicks")
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"click in {self.message_id}"
