"""What a rule may speak of: the subject's columns, the related tables, the tags and the audiences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Type = Literal["text", "number", "date", "instant", "boolean"]


@dataclass(frozen=True)
class Link:
    """Each row of ours speaks of one row of `table`: the one whose key is in our `column`."""

    column: str
    table: str


@dataclass(frozen=True)
class Table:
    """A related table: many rows for one subject, reached through `key`; or a lookup table with its own key.

    Where a row has links, rules reach through them: `performances.genre`, also of more than one step.
    """

    name: str
    columns: Mapping[str, Type]
    key: str  # the column that holds the subject's key
    at: str | None = None  # the time column: only rows with at <= now are seen
    noun: str | None = None  # what one row is called in a sentence: "order"
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True)
class Schema:
    """The subject table (customers or contacts) and all that is known about its rows."""

    columns: Mapping[str, Type]
    key: str
    subject: str = "customers"
    tables: Mapping[str, Table] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    links: Mapping[str, Link] = field(default_factory=dict)  # of the subject's own rows
    lookups: Mapping[str, Table] = field(default_factory=dict)  # what links lead to, by name
    by_hand: frozenset[tuple[str, str]] | None = None  # ("tag", "VIP"): a person decides who; None: of all
