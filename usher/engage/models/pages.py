"""Where the pages of long lists ended, so that the next page costs no more than the first."""

from __future__ import annotations

from django.db import models

from usher.engage.models.accounts import Account


class PageMark(models.Model):
    """After `skip` rows of a query the row with this key had been shown. Lost marks cost time, not rows."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, db_index=False, related_name="+")
    #: A digest of the query with its values.
    query = models.CharField(max_length=64)
    skip = models.BigIntegerField()
    #: The key of the last row before: the page begins behind it.
    after = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "query", "skip"], name="one_mark_per_page")]

    def __str__(self) -> str:
        return f"{self.skip}: {self.after}"
