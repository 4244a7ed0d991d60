"""What applying a definition did, or why it could not: the words that every room's definitions share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Change:
    """One definition after `apply`: what it is, and which of its fields were written."""

    kind: str
    name: str
    action: Literal["created", "updated", "unchanged"]
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        fields = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.action} {self.kind} “{self.name}”{fields}"


class DefinitionError(Exception):
    """A definition cannot be used; says which, which field, and what to do."""

    def __init__(self, kind: str, name: str, field: str, message: str) -> None:
        super().__init__(f"{kind} “{name}”, {field}: {message}" if field else f"{kind} “{name}”: {message}")
        self.kind, self.name, self.field, self.message = kind, name, field, message


class NotCheckedError(DefinitionError):
    """Nothing is known against the definition: what it has to fit cannot be looked at."""


def written(kind: str, name: str, created: bool, fields: Iterable[str]) -> Change:
    """The Change for a row that was created, or whose `fields` were changed (none: unchanged)."""
    changed = tuple(fields)
    return Change(kind, name, "created" if created else "updated" if changed else "unchanged", changed)
