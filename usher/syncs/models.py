"""Syncs as they are defined, each of their runs with its steps, and the ledger of what was pushed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from usher.audiences.models import Audience, Evaluation
from usher.destinations.models import Destination


class Sync(models.Model):
    """An audience, and the list at a destination that is kept equal to it."""

    name = models.TextField(unique=True)
    audience = models.ForeignKey(Audience, models.PROTECT, related_name="syncs")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="syncs")
    #: The platform's list, by name.
    list_name = models.TextField()
    #: {data field of the platform: column of the customers or computed field}
    fields = models.JSONField(default=dict)
    #: Names of tags; each is a Boolean data field TAG_<NAME>.
    tags = models.JSONField(default=list)
    #: Names of tag groups, of which all tags are taken besides.
    tag_groups = models.JSONField(default=list)
    #: Cron line of five parts in the organisation's time zone; empty: only on demand.
    schedule = models.TextField(blank=True)
    #: A plan that removes more than this share of what is there, and more than `guard_floor`, is held.
    guard_share = models.FloatField(default=0.10)
    guard_floor = models.PositiveIntegerField(default=100)
    #: May make the list and the data fields when the platform does not have them.
    create_list = models.BooleanField(default=True)
    create_fields = models.BooleanField(default=True)
    #: A scheduled moment before this one is nobody's: the sync was not defined yet.
    defined_at = models.DateTimeField()
    #: What the platform was last seen to have: the list's id there, and {data field: type}.
    list_id = models.TextField(blank=True)
    fields_there = models.JSONField(default=dict)
    #: The account that holds that list, and the destination's settings with which it was reached.
    account_id = models.TextField(blank=True)
    reached_as = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def all_tags(self) -> list[str]:
        """The tags by name and those of the groups, each once."""
        if not self.tag_groups:
            return list(self.tags)
        grouped = Audience.objects.filter(group__name__in=self.tag_groups).order_by("name")
        return list(dict.fromkeys([*self.tags, *(tag.name for tag in grouped)]))

    @property
    def columns(self) -> dict[str, str]:
        """All data fields, each with where its value comes from."""
        return {**self.fields, **{f"TAG_{tag}": f"tag {tag}" for tag in self.all_tags}}


class Run(models.Model):
    """One go of a sync: planned, guarded, applied. The numbers: read = added + updated + unchanged + refused.

    A row that was read is exactly one of these four; `removed` counts those who were on the list and were
    not read (or were refused) this time. Until the run is done they are the plan's, then what happened.
    """

    class State(models.TextChoices):
        PLANNED = "planned"
        #: Stopped by the guard; waits for somebody's approval.
        HELD = "held"
        APPLYING = "applying"
        DONE = "done"
        #: Begun and not finished; what was done stays, and the next run goes on from there.
        FAILED = "failed"
        #: Nothing left the house.
        REFUSED = "refused"

    sync = models.ForeignKey(Sync, models.CASCADE, related_name="runs")
    #: The scheduled moment it answers; empty for a run on demand.
    slot = models.DateTimeField(null=True)
    now = models.DateTimeField()
    evaluation = models.ForeignKey(Evaluation, models.SET_NULL, null=True, related_name="sync_runs")
    state = models.TextField(choices=State, default=State.PLANNED)
    read = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)
    #: The plan's own numbers, kept when faults at the platform change the ones above.
    planned = models.JSONField(default=dict)
    #: {kind of call: how many}; progress is asked for as often as it takes, and foreseen once for each job.
    calls_foreseen = models.JSONField(default=dict)
    calls_made = models.JSONField(default=dict)
    #: Why it was held, refused or failed, and what to do.
    error = models.TextField(blank=True)
    #: Failed in a way that may pass by itself.
    retry = models.BooleanField(default=False)
    #: Times it was begun or gone on with.
    attempts = models.PositiveIntegerField(default=0)
    approved_by = models.TextField(blank=True)
    approved_because = models.TextField(blank=True)
    approved_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["sync", "slot"], name="a_slot_is_run_once")]

    def __str__(self) -> str:
        return f"run {self.pk} of {self.sync.name}"

    @property
    def folder(self) -> Path:
        """Where its plan and payloads are kept as Parquet."""
        return settings.USHER_DATA_DIR / "syncs" / str(self.pk)

    @property
    def calls(self) -> int:
        return sum(self.calls_made.values())

    @property
    def took(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at else None


class Step(models.Model):
    """One effect of a run at the platform: the row is there before the call is made."""

    class Kind(models.TextChoices):
        CREATE_LIST = "create_list"
        CREATE_FIELD = "create_field"
        REMOVE = "remove"
        IMPORT = "import"
        #: No call: refusals and those who left without being on the list go into the ledger.
        RECORD = "record"

    class State(models.TextChoices):
        INTENDED = "intended"
        #: The call is being made, or was made and its answer is not known.
        IN_DOUBT = "in_doubt"
        #: The platform took it and gave it an id; it is at work.
        SENT = "sent"
        DONE = "done"
        FAILED = "failed"

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    ordinal = models.PositiveIntegerField()
    kind = models.TextField(choices=Kind)
    #: Of a list or field that is made.
    name = models.TextField(blank=True)
    #: File in the run's folder, and its SHA-256.
    payload = models.TextField(blank=True)
    payload_hash = models.TextField(blank=True)
    rows = models.BigIntegerField(default=0)
    state = models.TextField(choices=State, default=State.INTENDED)
    #: The platform's id of the import or removal.
    external_id = models.TextField(blank=True)
    #: What the platform said: counters of an import, or why it failed.
    answer = models.JSONField(default=dict)

    class Meta:
        ordering = ["run", "ordinal"]
        constraints = [models.UniqueConstraint(fields=["run", "ordinal"], name="steps_are_in_order")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


class Pushed(models.Model):
    """The ledger: what the platform was last given for one person, and whether it took it."""

    class State(models.TextChoices):
        PUSHED = "pushed"
        REFUSED = "refused"

    sync = models.ForeignKey(Sync, models.CASCADE, related_name="ledger")
    #: The customer's key, as text.
    key = models.TextField()
    email = models.TextField()
    #: {data field: value}
    fields = models.JSONField(default=dict)
    #: Of `fields` as they were sent: what the next plan compares.
    hash = models.TextField(blank=True)
    state = models.TextField(choices=State)
    #: Why it was refused, in the platform's words or ours.
    reason = models.TextField(blank=True)
    #: This address was put on the list by us; also true of one refused later (unsubscribed, bounced).
    on_list = models.BooleanField(default=False)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="pushed")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sync", "key"], name="a_person_is_in_the_ledger_once")]
        indexes = [models.Index("sync", Lower("email"), name="ledger_by_address")]

    def __str__(self) -> str:
        return f"{self.key} in {self.sync_id}"
