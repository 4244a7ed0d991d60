"""Bulk imports of contacts, their reports and the rows they refused."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models

from usher.engage.models.accounts import Account


class ImportState(models.TextChoices):
    NOT_FINISHED = "NotFinished"
    FINISHED = "Finished"
    REJECTED = "RejectedByWatchdog"
    INVALID_FORMAT = "InvalidFileFormat"
    FAILED = "Failed"
    TOO_MANY = "ExceedsAllowedContactLimit"


class MergeOption(models.TextChoices):
    OVERWRITE = "Overwrite"
    IF_NOT_EMPTY = "OnlyOverwriteIfNotEmpty"
    IF_NOT_POPULATED = "OnlyOverwriteIfContactDataNotPopulated"


class Import(models.Model):
    """A file of contacts that was accepted, and what became of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="imports")
    #: The lists that every accepted contact joins; one that is deleted meanwhile is passed over.
    list_ids = ArrayField(models.BigIntegerField(), default=list)
    merge_option = models.CharField(max_length=40, choices=MergeOption, default=MergeOption.OVERWRITE)
    file_name = models.CharField(max_length=255)
    #: "file", or "v3" for a JSON body of version 3.
    form = models.CharField(max_length=8, default="file")
    #: Of version 3: {"created": [...], "updated": [...], "failures": [...]} as the reply shows them.
    results = models.JSONField(default=dict)
    #: The file as it came; emptied when the import has ended.
    content = models.BinaryField()
    state = models.CharField(max_length=30, choices=ImportState, default=ImportState.NOT_FINISHED)
    #: The report's counters by their published names (newContacts, updatedContacts, …).
    report = models.JSONField(default=dict)
    #: The headings of the file, in order, for the faults file.
    headings = models.JSONField(default=list)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.file_name} ({self.state})"


class ImportFault(models.Model):
    """A row of the file that was not imported."""

    imported = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="faults")
    #: 1 is the first row under the headings.
    row = models.IntegerField()
    reason = models.CharField(max_length=40)
    values = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"row {self.row}: {self.reason}"

    @property
    def line(self) -> int:
        """Where it stands in the file, whose first line names the columns."""
        return self.row + 1
