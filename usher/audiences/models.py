"""Tags, lists and computed fields as they are defined, and what each evaluation published of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class TagGroup(models.Model):
    """Tags that belong together under one heading."""

    name = models.TextField(unique=True)
    description = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Audience(models.Model):
    """A set of customers: kept by a rule, put together by hand, or pushed in by another system."""

    class Kind(models.TextChoices):
        TAG = "tag", "tag"
        AUTO_TAG = "auto_tag", "auto tag"
        SEGMENT = "segment", "segment"
        CUSTOMER_LIST = "customer_list", "customer list"
        STATIC_LIST = "static_list", "static list"
        FROZEN_LIST = "frozen_list", "frozen list"
        EXTERNAL = "external", "external audience"

    name = models.TextField()
    kind = models.TextField(choices=Kind)
    #: Empty for what has its members by assignment: tags by hand, static, frozen and external lists.
    rule = models.TextField(blank=True)
    group = models.ForeignKey(TagGroup, models.PROTECT, null=True, blank=True, related_name="tags")
    description = models.TextField(blank=True)
    #: Who answers for it.
    owner = models.TextField(blank=True)
    #: Where it stands among the others: "Marketing/Opera"; empty for the top.
    folder = models.TextField(blank=True)
    #: From this day on (in the installation's zone) it has no members, unless something still depends on it.
    expires_on = models.DateField(null=True, blank=True)
    #: When that day had come and nothing depended on it: evaluations as of that day or later leave it empty.
    expired_at = models.DateTimeField(null=True, blank=True)
    #: Of a frozen list: whose members these were, and as of when.
    frozen_from = models.TextField(blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"), condition=Q(kind__in=["tag", "auto_tag"]), name="tag_names_differ"
            ),
            models.UniqueConstraint(Lower("name"), condition=Q(kind="segment"), name="segment_names_differ"),
            models.UniqueConstraint(
                Lower("name"),
                condition=Q(kind__in=["customer_list", "static_list", "frozen_list", "external"]),
                name="list_names_differ",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_tag(self) -> bool:
        return self.kind in (self.Kind.TAG, self.Kind.AUTO_TAG)

    @property
    def asked_as(self) -> Literal["tag", "segment", "audience"]:
        """The word that rules ask with: tag("STAFF"), segment("Has e-mail"), audience("mailable")."""
        return "tag" if self.is_tag else "segment" if self.kind == self.Kind.SEGMENT else "audience"

    @property
    def has_rule(self) -> bool:
        """Whether a rule says who is in it; else the assignments do."""
        return self.kind in (self.Kind.AUTO_TAG, self.Kind.SEGMENT, self.Kind.CUSTOMER_LIST)


class Assignment(models.Model):
    """One customer put into an audience that has no rule, from `at` until `removed_at`."""

    class Cause(models.TextChoices):
        USER = "user"
        IMPORT = "import"
        API = "api"
        DEFINITION = "definition"

    audience = models.ForeignKey(Audience, models.CASCADE, related_name="assignments")
    #: The customer's key, as text.
    key = models.TextField()
    cause = models.TextField(choices=Cause)
    #: The person or API user who did it.
    by = models.TextField()
    #: Of what it was a part: the name of the file, of the list that was tagged, or empty.
    origin = models.TextField(blank=True)
    at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.TextField(blank=True)
    removed_cause = models.TextField(choices=Cause, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["audience", "key"], condition=Q(removed_at=None), name="assigned_once_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["key"], name="assignments_of_a_key")]

    def __str__(self) -> str:
        return f"{self.audience_id} on {self.key}"


class ComputedField(models.Model):
    """A value worked out for every customer: `count(orders)`."""

    name = models.TextField(unique=True)
    expression = models.TextField()
    #: text, number, date, instant or boolean: what the expression gives.
    type = models.TextField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class EvaluationSchedule(models.Model):
    """When everything is evaluated: one row."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    #: Five-part cron line in the installation's time zone.
    cron = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_evaluation_schedule")]

    def __str__(self) -> str:
        return self.cron


class Evaluation(models.Model):
    """One run over all rules, as of one moment."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        REFUSED = "refused"
        FAILED = "failed"

    #: The scheduled moment it answers; empty for a run asked for by somebody.
    slot = models.DateTimeField(null=True, unique=True)
    #: The moment the data are looked at.
    now = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    state = models.TextField(choices=State, default=State.RUNNING)
    #: What went wrong and what to do, for a person.
    error = models.TextField(blank=True)
    #: The newest moment in the data's time columns, up to `now`.
    data_as_of = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    #: Order of publication: history and differences follow it. Empty until published.
    number = models.BigIntegerField(null=True, unique=True)
    #: Audiences and fields that could not be evaluated, and keep what they had.
    failed = models.IntegerField(default=0)
    #: Customers that were looked at because something about them could have changed; empty: all were.
    affected = models.BigIntegerField(null=True)
    #: Why everybody was looked at.
    full_because = models.TextField(blank=True)
    #: The evaluation with which an unbroken chain of changes begins, that this one goes on.
    chain = models.BigIntegerField(null=True)
    #: Customers in the base that this evaluation wrote; empty when it wrote changes only.
    base_rows = models.BigIntegerField(null=True)
    #: Rows of its changes and of its changed values.
    change_rows = models.BigIntegerField(default=0)
    #: What the next evaluation compares the tables with, to find what changed.
    marks = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"evaluation {self.pk} as of {self.now:%Y-%m-%d %H:%M}"

    @property
    def folder(self) -> Path:
        """Where its files are; complete once the evaluation is done."""
        return settings.USHER_DATA_DIR / "audiences" / str(self.pk)

    @property
    def incremental(self) -> bool:
        """Whether only customers were looked at for whom something could have changed."""
        return self.affected is not None

    @property
    def changes(self) -> Path:
        """Parquet: audience, name, kind, key, change, cause, evaluation; sorted by key."""
        return self.folder / "changes.parquet"

    @property
    def values(self) -> Path:
        """Parquet: field, key, value (as text; null: there is none any more), number of the evaluation."""
        return self.folder / "values.parquet"

    @property
    def base(self) -> Path:
        """Parquet: key, a_<id of an audience> (is in it), f_<id of a field> (value); sorted by key."""
        return self.folder / "base.parquet"


class Snapshot(models.Model):
    """What one evaluation published of one audience or computed field."""

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="snapshots")
    audience = models.ForeignKey(Audience, models.CASCADE, null=True, related_name="snapshots")
    field = models.ForeignKey(ComputedField, models.CASCADE, null=True, related_name="snapshots")
    #: The rule or expression it was made with.
    rule = models.TextField(blank=True)
    #: Of a field: DuckDB's type of its values.
    type = models.TextField(blank=True)
    #: Members, or customers with a value.
    size = models.BigIntegerField()
    gained = models.BigIntegerField(default=0)
    lost = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    #: Why it could not be evaluated; what it had before stays.
    error = models.TextField(blank=True)
    #: The moment that the members or values are of: an earlier one when `error` is set, and none when it
    #: was never evaluated.
    as_of = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["evaluation", "audience"], name="one_snapshot_of_an_audience"),
            models.UniqueConstraint(fields=["evaluation", "field"], name="one_snapshot_of_a_field"),
            models.CheckConstraint(
                condition=Q(audience=None) ^ Q(field=None), name="a_snapshot_is_of_one_thing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.column} of {self.evaluation}"

    @property
    def column(self) -> str:
        """Its column in the base."""
        return f"a_{self.audience_id}" if self.audience_id else f"f_{self.field_id}"
