"""The outbox: one row per mail, from queued to its end, and what came back of it."""

from __future__ import annotations

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Lower

from usher.engage.models.accounts import Account
from usher.engage.models.campaigns import Campaign, Link, Send
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


class Letter(models.Model):
    """A mail with content of its own: transactional, or one that asks to confirm.

    Each of its recipients has a message.
    """

    class Kind(models.TextChoices):
        TRANSACTIONAL = "transactional"
        CONFIRMATION = "confirmation"
        #: To a contact, and under the rules that hold for campaigns.
        MARKETING = "marketing"
        #: A campaign as somebody would see it, before it is sent.
        TEST = "test"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="letters")
    kind = models.CharField(max_length=13, choices=Kind, default=Kind.TRANSACTIONAL)
    #: Of a triggered campaign that is sent this way: its content, with these values in it.
    campaign = models.ForeignKey(Campaign, null=True, on_delete=models.SET_NULL, related_name="letters")
    values = models.JSONField(default=dict)
    #: [address, …] each.
    to = models.JSONField(default=list)
    cc = models.JSONField(default=list)
    bcc = models.JSONField(default=list)
    from_name = models.CharField(max_length=128, blank=True)
    from_address = models.CharField(max_length=254, blank=True, default="", db_default="")
    subject = models.CharField(max_length=998, blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    tags = models.JSONField(default=list)
    metadata = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "created_at"], name="letters_lately")]

    def __str__(self) -> str:
        return f"letter {self.pk}"


class Attachment(models.Model):
    letter = models.ForeignKey(Letter, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100)
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One mail to one contact, or a letter to one address."""

    # the indexes below serve the foreign keys too: each further one would be paid for with every mail
    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    #: Null for a letter without a campaign.
    campaign = models.ForeignKey(
        Campaign, null=True, on_delete=models.PROTECT, db_index=False, related_name="messages"
    )
    #: Null for a letter, which goes to an address; a marketing one goes to a contact.
    contact = models.ForeignKey(
        Contact, null=True, on_delete=models.CASCADE, db_index=False, related_name="messages"
    )
    letter = models.ForeignKey(
        Letter, null=True, on_delete=models.CASCADE, db_index=False, related_name="messages"
    )
    #: Of a letter: whom this copy goes to.
    address = models.CharField(max_length=254, blank=True, default="", db_default="")
    #: Of a split test: which version it is.
    version = models.CharField(max_length=1, blank=True, default="", db_default="")
    #: The send that asked for it, if one did.
    send = models.ForeignKey(
        Send, null=True, on_delete=models.CASCADE, db_index=False, related_name="messages"
    )
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
            models.UniqueConstraint(
                fields=["send", "contact"],
                condition=models.Q(send__isnull=False),
                name="one_message_per_send",
            ),
            models.UniqueConstraint(
                fields=["letter", "address"],
                condition=models.Q(letter__isnull=False),
                name="one_message_per_letter",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], condition=models.Q(state="queued"), name="messages_to_send"
            ),
            # somebody waits for a letter: they are taken before campaigns
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(state="queued", letter__isnull=False),
                name="letters_to_send",
            ),
            models.Index(fields=["claim"], condition=models.Q(state="claimed"), name="messages_in_hand"),
            models.Index(fields=["contact", "queued_at"], name="messages_of_contact"),
            # reports ask when a campaign was last sent, and of what was sent within a time
            models.Index(fields=["campaign", "sent_at"], name="messages_of_campaign"),
            # a send has ended when none of its mails is here any more
            models.Index(
                fields=["send"],
                condition=models.Q(send__isnull=False, state__in=["queued", "claimed"]),
                name="messages_of_send_to_come",
            ),
            models.Index(fields=["sent_at"], name="messages_sent"),
            # deferred, or nobody knows whether they arrived: few, and somebody wants to see them
            models.Index(
                fields=["campaign", "due_at", "id"],
                condition=models.Q(state="queued", attempts__gt=0) | models.Q(state="ambiguous"),
                name="messages_hanging",
            ),
            # what somebody looks for among letters: the newest, and those to one address
            models.Index(
                fields=["account", "-queued_at", "-id"],
                condition=models.Q(letter__isnull=False),
                name="letters_by_time",
            ),
            models.Index(
                Lower("address"), condition=models.Q(letter__isnull=False), name="letters_by_address"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} ({self.state})"

    @property
    def title(self) -> str:
        """What was sent, for a person: the campaign's name, or what the letter is about."""
        if self.campaign:
            return self.campaign.name
        return self.letter.subject if self.letter else ""

    @property
    def to(self) -> str:
        """Whom it goes to."""
        return self.contact.email if self.contact else self.address


class Open(models.Model):
    """The pixel of a mail was loaded."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="opens")
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        # rows come in the order of their time: a few bytes for each hundred pages find those since a moment
        indexes = [BrinIndex(fields=["at"], autosummarize=True, name="opens_since")]

    def __str__(self) -> str:
        return f"open of {self.message_id}"


class PageView(models.Model):
    """A page of the account's own sites was seen by whoever came there from a mail."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="page_views")
    url = models.TextField()
    at = models.DateTimeField()

    class Meta:
        indexes = [BrinIndex(fields=["at"], autosummarize=True, name="page_views_since")]

    def __str__(self) -> str:
        return f"{self.url} after {self.message_id}"


class Click(models.Model):
    """A link of a mail was followed."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="clicks")
    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="clicks")
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [BrinIndex(fields=["at"], autosummarize=True, name="clicks_since")]

    def __str__(self) -> str:
        return f"click in {self.message_id}"
