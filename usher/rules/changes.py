"""What can change for one person, in a form that a program can carry out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class AddRows:
    """So many rows come to a related table, just now; `values` also of what its links lead to: `shows.genre`.

    Columns that are not named may hold anything, or nothing.
    """

    table: str
    count: int
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SetColumn:
    """A column of the subject, or of what its links lead to, gets a value (None: it becomes unknown)."""

    column: str
    value: object


@dataclass(frozen=True)
class SetMember:
    """A tag is put on or taken off; a segment or an audience is joined or left."""

    kind: Literal["tag", "segment", "audience"]
    name: str
    member: bool


@dataclass(frozen=True)
class Wait:
    """Nothing happens until then."""

    until: datetime


Change = AddRows | SetColumn | SetMember | Wait
