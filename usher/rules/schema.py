"""What a rule may speak of: the subject's columns, the related tables, the tags and the audiences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Type = Literal["text", "number", "date", "instant", "boolean"]


@dataclass(frozen=True)
class Table:
    """A related table: many rows for one subject, reached through `key`."""

    name: str
    columns: Mapping[str, Type]
    key: str  # the column that holds the subject's key
    at: str | None = None  # the time column: only rows with at <= now are seen
    noun: str | None = None  # what one row is called in a sentence: "order"


@dataclass(frozen=True)
class Schema:
    """The subject table (customers or contacts) and all that is known about its rows."""

    columns: Mapping[str, Type]
    key: str
    subject: str = "customers"
    tables: Mapping[str, Table] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
