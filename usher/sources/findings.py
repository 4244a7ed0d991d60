"""What a reading found wrong with a table: how often, and the first places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: So many places of one kind are kept in detail; all are counted.
KEPT = 100


@dataclass(frozen=True)
class Place:
    """One row: its file, its number as a spreadsheet shows it (the header is row 1), and what is wrong."""

    reason: str
    file: str = ""
    row: int | None = None
    column: str = ""

    def __str__(self) -> str:
        where = [self.file, f"row {self.row}" if self.row else "", self.column]
        return f"{', '.join(part for part in where if part)}: {self.reason}".removeprefix(": ")


@dataclass(frozen=True)
class Finding:
    """One kind of trouble in a table; the rows concerned are left out or used as the text says."""

    #: bad_rows, missing_keys, duplicate_keys, missing_addresses, bad_addresses, shared_addresses, orphans,
    #: links_to_nothing, columns_left_out, not_numbers, numbers_as_text; error for a table that cannot be
    #: used at all
    kind: str
    text: str
    count: int
    places: tuple[Place, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Finding:
        places = tuple(Place(**place) for place in stored["places"])
        return cls(stored["kind"], stored["text"], stored["count"], places)
