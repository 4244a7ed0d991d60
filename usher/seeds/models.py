"""The rows: plans and their paths, seeds placed, mail expected of them, mail that came, incidents.

Four columns say when a row wants attention next (`next_try_at`, `judge_at`, `click_due_at`, `look_again_at`);
each is null when there is nothing left to do.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models

from usher.destinations.models import Destination
from usher.seeds.steps import Step

#: The data field that marks a contact as a seed, so that nobody counts it as a customer.
SEED_FIELD = "USHER_SEED"


class SeedPlan(models.Model):
    """Fresh seeds for one program, placed every so many days."""

    name = models.CharField(max_length=100, unique=True)
    #: the program that mails the seeds, as the destination names it
    program = models.CharField(max_length=200)
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="seed_plans")
    list_name = models.CharField(max_length=200)
    #: the mailbox whose plus-addresses the seeds get, e.g. seed@example.com
    address = models.EmailField()
    #: data fields put on each seed: name to value
    fields = models.JSONField(default=dict)
    every_days = models.PositiveIntegerField()
    #: time of day, in the organisation's time zone
    at = models.TimeField()
    starts = models.DateField()
    #: how long after a window's end a mail may still come to light before it counts as missing
    grace = models.DurationField(default=timedelta)
    #: how long after its arrival a seed that clicks does so
    click_after = models.DurationField(default=timedelta(days=1))
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SeedPath(models.Model):
    """One way through the program, walked by a seed of its own."""

    plan = models.ForeignKey(SeedPlan, on_delete=models.CASCADE, related_name="paths")
    name = models.CharField(max_length=100)
    position = models.PositiveIntegerField()
    clicks = models.BooleanField(default=False)
    #: the mail expected, in order: see steps.Step
    expect = models.JSONField(default=list)
    #: subjects that must not arrive
    never = ArrayField(models.CharField(max_length=500), default=list)
    #: no longer in the definition: what was placed stays, nothing more is placed
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["plan__name", "position"]
        constraints = [models.UniqueConstraint(fields=["plan", "name"], name="seed_path_name")]

    def __str__(self) -> str:
        return f"{self.plan.name}/{self.name}"

    def steps(self) -> list[Step]:
        return [Step.from_json(step) for step in self.expect]


class Placement(models.Model):
    """One seed: written before the destination is called, so that a crash in between is seen."""

    class State(models.TextChoices):
        INTENDED = "intended"
        PLACED = "placed"
        FAILED = "failed"

    path = models.ForeignKey(SeedPath, on_delete=models.CASCADE, related_name="placements")
    #: the moment the plan names; placed_at is when it was done
    slot = models.DateTimeField()
    address = models.EmailField(unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.INTENDED)
    #: when the destination was last called for it
    tried_at = models.DateTimeField()
    placed_at = models.DateTimeField(null=True)
    #: the contact's id at the destination
    contact_id = models.CharField(max_length=100, null=True)
    error = models.TextField(blank=True)
    next_try_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ["-slot", "path__position"]
        constraints = [models.UniqueConstraint(fields=["path", "slot"], name="seed_placed_once_per_slot")]

    def __str__(self) -> str:
        return f"{self.path} of {self.slot:%Y-%m-%d}"


class Expectation(models.Model):
    """One mail that must, or must not, reach one seed."""

    class Verdict(models.TextChoices):
        PENDING = "pending"
        ON_TIME = "on_time"
        EARLY = "early"
        LATE = "late"
        MISSING = "missing"
        DUPLICATE = "duplicate"
        UNEXPECTED = "unexpected"
        #: must not arrive, and did not
        ABSENT = "absent"

    placement = models.ForeignKey(Placement, on_delete=models.CASCADE, related_name="expectations")
    position = models.PositiveIntegerField()
    #: the campaign as the destination names it
    mail = models.CharField(max_length=500)
    #: what the subject must be; * stands for any text
    subject = models.CharField(max_length=500)
    must_arrive = models.BooleanField(default=True)
    due_at = models.DateTimeField()
    window_closes_at = models.DateTimeField()
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.PENDING)
    judge_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ["due_at", "position"]
        constraints = [models.UniqueConstraint(fields=["placement", "position"], name="seed_expected_once")]

    def __str__(self) -> str:
        return f"“{self.mail}” for {self.placement}"


class Arrival(models.Model):
    """One mail in a mailbox, addressed to one seed."""

    placement = models.ForeignKey(Placement, on_delete=models.CASCADE, related_name="arrivals")
    #: what it was judged to answer; null until judged
    expectation = models.ForeignKey(
        Expectation, on_delete=models.SET_NULL, null=True, related_name="arrivals"
    )
    address = models.EmailField()
    received_at = models.DateTimeField()
    subject = models.TextField()
    message_id = models.TextField()
    mailbox = models.CharField(max_length=100)
    #: names the mail inside its mailbox
    entry = models.CharField(max_length=200)
    #: the tracked link to be clicked, if the seed clicks and the mail has one
    link = models.TextField(blank=True)
    click_due_at = models.DateTimeField(null=True, db_index=True)
    clicked_at = models.DateTimeField(null=True)
    click_error = models.TextField(blank=True)

    class Meta:
        ordering = ["received_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "entry", "address"], name="seed_mail_read_once")
        ]

    def __str__(self) -> str:
        return f"“{self.subject}” to {self.placement}"


class Incident(models.Model):
    """What went wrong with one expectation, and where; one for each, whatever becomes of it."""

    class State(models.TextChoices):
        OPEN = "open"
        LATE = "late"
        CLOSED = "closed"

    class Hop(models.TextChoices):
        PLACEMENT = "placement"
        CONTACT = "contact"
        PROGRAM = "program"
        QUEUE = "queue"
        RELAY = "relay"
        MAILBOX = "mailbox"
        UNKNOWN = "unknown"

    expectation = models.OneToOneField(Expectation, on_delete=models.CASCADE, related_name="incident")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    #: the verdict that the incident has taken notice of
    verdict = models.CharField(max_length=10, choices=Expectation.Verdict.choices)
    #: the first hop that failed
    hop = models.CharField(max_length=10, choices=Hop.choices)
    detail = models.TextField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    look_again_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering = ["-opened_at", "-id"]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.expectation}"

    def lasted(self, now: datetime) -> timedelta:
        return (self.closed_at or now) - self.opened_at


class IncidentChange(models.Model):
    """One line of an incident's story."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="changes")
    at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=Incident.State.choices)
    hop = models.CharField(max_length=10, choices=Incident.Hop.choices)
    detail = models.TextField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.state}: {self.detail}"


class MailboxCursor(models.Model):
    """How far a mailbox has been read."""

    mailbox = models.CharField(max_length=100, unique=True)
    position = models.TextField(blank=True)
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.mailbox
