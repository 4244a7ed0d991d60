"""Programs: graphs that walk each contact through steps, and the rows of everybody inside."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Lower

from usher.engage.models.accounts import Account
from usher.engage.models.contacts import Contact


class ProgramStatus(models.TextChoices):
    DRAFT = "Draft"
    ACTIVE = "Active"
    DEACTIVATED = "Deactivated"
    READ_ONLY = "ReadOnly"


class Program(models.Model):
    """A program by name; its graph is a version."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="programs")
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=12, choices=ProgramStatus, default=ProgramStatus.DRAFT)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", Lower("name"), name="one_program_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ProgramVersion(models.Model):
    """One graph of a program; those inside keep the version they entered on.

    `graph` is {"start": {...}, "exits": [...], "nodes": {key: {...}}} as usher.engage.programs.graph
    reads and checks it.
    """

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    graph = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["program", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"{self.program_id} version {self.number}"


class ProgramCheck(models.Model):
    """A scheduled look for people to enrol: at most one per moment, so looking again is harmless."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="checks")
    #: The moment of the schedule that this check was for.
    slot = models.DateTimeField()
    checked_at = models.DateTimeField()
    enrolled = models.IntegerField()
    #: Of those enrolled, how many are seeds.
    seeds = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["program", "slot"], name="one_check_per_moment")]

    def __str__(self) -> str:
        return f"{self.program_id} at {self.slot}"


class Enrolment(models.Model):
    """A contact inside a program, or one who has left it."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, db_index=False, related_name="enrolments")
    version = models.ForeignKey(
        ProgramVersion, on_delete=models.PROTECT, db_index=False, related_name="enrolments"
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="enrolments")
    #: The node it stands at; the one it left from when it has left.
    node = models.CharField(max_length=64)
    #: When it moves on.
    due_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    #: How it left: the end node's name, "no longer lapsed", "unsubscribed", "suppressed" …
    outcome = models.CharField(max_length=64, blank=True)
    #: What brought it in: "daily check", "api <request id>", "join <list>".
    cause = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["program", "contact"],
                condition=models.Q(left_at=None),
                name="once_inside_a_program",
            )
        ]
        indexes = [
            # the runner's question: who is due at which node?
            models.Index(
                fields=["program", "node", "due_at"],
                condition=models.Q(left_at=None),
                name="enrolments_due",
            ),
            models.Index(fields=["contact", "entered_at"], name="enrolments_of_contact"),
            # only of those who left: whoever moves on inside does not pay for it
            models.Index(
                fields=["program", "left_at"],
                condition=models.Q(left_at__isnull=False),
                name="enrolments_left",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.program_id} at {self.node}"


class Move(models.Model):
    """Every step of every enrolment, so that "why did she get this?" has an answer."""

    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE, related_name="moves")
    at = models.DateTimeField()
    #: Empty when it entered.
    from_node = models.CharField(max_length=64, blank=True)
    #: Empty when it left.
    to_node = models.CharField(max_length=64, blank=True)
    #: "entered", "sent", "skipped: Unsubscribed", "waited", "yes", "no", "exit: no longer lapsed" …
    why = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.from_node or '·'} → {self.to_node or '·'}: {self.why}"


class RequestStatus(models.TextChoices):
    PROCESSING = "Processing"
    FINISHED = "Finished"


class EnrolmentRequest(models.Model):
    """Contacts and lists that an API call asked to enrol."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="requests")
    contacts = models.JSONField(default=list)
    lists = models.JSONField(default=list)
    status = models.CharField(max_length=10, choices=RequestStatus, default=RequestStatus.PROCESSING)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"


class EnrolmentFault(models.Model):
    """A contact that a request could not enrol."""

    request = models.ForeignKey(EnrolmentRequest, on_delete=models.CASCADE, related_name="faults")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    #: Unsubcribed (spelt so by Dotdigital), AlreadyInProgram, Suppressed, EnrolmentLimitReached.
    reason = models.CharField(max_length=40)

    def __str__(self) -> str:
        return self.reason
