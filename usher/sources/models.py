"""Sources of customer data, their tables, and what the last check found in them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import models
from django.db.models import Q

from usher.lib import secrets

MASK = "***"


def masked(url: str) -> str:
    """The URL without its password, as it may be shown and exported."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.split(':', 1)[0]}:{MASK}@{host}"))


class Source(models.Model):
    """A place that holds tables: a folder of files, a DuckDB file or a PostgreSQL database."""

    name = models.TextField(unique=True)
    #: Empty for files; else duckdb:////folder/shop.db or postgresql://user:***@host/name (masked).
    url = models.TextField(blank=True)
    #: The whole URL, when it holds a password.
    sealed_url = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The URL to connect with, password included; never logged or shown."""
        return secrets.unseal(self.sealed_url, settings.USHER_SECRET_KEYS) if self.sealed_url else self.url

    def set_url(self, url: str) -> bool:
        """Keep `url`, sealed when it holds a password; answers whether it differs from before.

        A masked URL, as exports show it, stands for the one that is already kept.
        """
        if url == self.url and (not self.sealed_url or urlsplit(url).password == MASK):
            return False
        if url == self.address:
            return False
        self.url = masked(url)
        self.sealed_url = secrets.seal(url, settings.USHER_SECRET_KEYS) if self.url != url else ""
        return True


class Table(models.Model):
    """One table of a source: the customers, rows that belong to customers, or rows that those speak of."""

    class Choice(models.TextChoices):
        FIRST = "first"
        NEWEST = "newest"

    source = models.ForeignKey(Source, models.CASCADE, related_name="tables")
    name = models.TextField(unique=True)
    #: A file or a glob (absolute), or the table's name (schema.table) in a database.
    location = models.TextField()
    #: The column that holds the customer's key (`orders.customer_id`: reached through a link); of a lookup
    #: table the column of its own key, that links lead to.
    key = models.TextField()
    #: The column with a row's own key, where `key` is the customer's: links lead to it.
    own_key = models.TextField(blank=True)
    #: The columns that hold the e-mail address and the mobile number; subject table only.
    email = models.TextField(blank=True)
    mobile = models.TextField(blank=True)
    #: The time column (`orders.ordered_at`: reached through a link): a row is seen only from this moment on.
    at = models.TextField(blank=True)
    #: The column that says when a row was last changed. Rows of such a table are never deleted.
    updated = models.TextField(blank=True)
    #: Rows are only ever added, each later (by `at`) than all that were there at the run before.
    append_only = models.BooleanField(default=False)
    #: Rows that belong to no customer and are reached by links: performances, shops.
    lookup = models.BooleanField(default=False)
    #: Name of a link -> {"column": one of ours, "table": a lookup (or any) table, by whose key it is found}.
    links = models.JSONField(default=dict, blank=True)
    #: Which row counts when several have one key, and who has the address when several customers have one
    #: (subject table only). Empty: rows of one key refuse the run, and of one address the first is used.
    same_key = models.TextField(choices=Choice, blank=True)
    same_email = models.TextField(choices=Choice, blank=True)
    #: True for the table of customers: exactly one in an installation.
    subject = models.BooleanField(default=False)
    #: What one row is called in a sentence: "order".
    noun = models.TextField(blank=True)
    #: Types declared by hand, column -> text, number, date, instant or boolean.
    types = models.JSONField(default=dict, blank=True)
    #: Older data than this refuses a run.
    max_age = models.DurationField(null=True, blank=True)

    #: Found by the last reading: rows, column -> type, what is wrong.
    rows = models.BigIntegerField(null=True, editable=False)
    columns = models.JSONField(default=dict, blank=True, editable=False)
    problems = models.JSONField(default=list, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    data_as_of = models.DateTimeField(null=True, editable=False)
    #: Rows and columns when a run last built on this table: the guard compares with them.
    good_rows = models.BigIntegerField(null=True, editable=False)
    good_columns = models.JSONField(default=dict, blank=True, editable=False)
    #: What the last look at the table, by a run or a check, was refused for: guard -> in words.
    refusals = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        ordering = ["-subject", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject"], condition=Q(subject=True), name="one_table_of_customers"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source.name}.{self.name}"

    @property
    def identity(self) -> str:
        """The column whose value tells a row from all others; empty when none is declared."""
        return self.key if self.subject or self.lookup else self.own_key

    @property
    def steps(self) -> list[str]:
        """The way to the customer's key: names of links, then the column; only the column when it is ours."""
        return self._way(self.key)

    @property
    def steps_to_time(self) -> list[str]:
        """The way to the rows' time, as `steps`."""
        return self._way(self.at)

    @property
    def reaches(self) -> bool:
        """Whether the customer's key or the time of a row is in another table."""
        return len(self.steps) > 1 or len(self.steps_to_time) > 1

    def _way(self, column: str) -> list[str]:
        steps = column.split(".")
        return steps if steps[0] in self.links else [column]

    @property
    def key_columns(self) -> set[str]:
        """Our columns whose values are keys: they are compared, never reckoned with."""
        key = [self.key] if len(self.steps) == 1 else []
        return {*key, self.own_key, *(link["column"] for link in self.links.values())} - {""}

    @property
    def needed(self) -> list[str]:
        """The columns that the definition speaks of; without one of them the table cannot be used."""
        at = self.at if len(self.steps_to_time) == 1 else ""
        named = (self.email, self.mobile, at, self.updated)
        return [*sorted(self.key_columns), *filter(None, named)]

    @property
    def newest_by(self) -> str:
        """The column that says which of two rows is newer."""
        return self.updated or self.at


class Acceptance(models.Model):
    """Somebody's word that a table is right as it is, for one run: what a guard refused is let through."""

    class Guard(models.TextChoices):
        EMPTY = "empty"
        SHRUNK = "shrunk"
        STALE = "stale"
        DUPLICATE_KEYS = "duplicate_keys"
        COLUMNS = "columns"

    table = models.ForeignKey(Table, models.CASCADE, related_name="acceptances")
    guard = models.TextField(choices=Guard)
    by = models.TextField()
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    #: When a run made use of it; empty while it waits for one.
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.guard} of {self.table} accepted by {self.by}"
