"""What can be wrong with a folder of definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that must be mended, and where it stands."""

    file: str
    #: 1 is the first line; 0 when no line can be told.
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class DefinitionsError(Exception):
    """The folder was not applied, none of it; `faults` says what to mend.

    `waiting` names the definitions of which nothing can be said before that is done.
    """

    def __init__(self, faults: list[Fault], waiting: Sequence[str] = ()) -> None:
        self.faults, self.waiting = faults, tuple(waiting)
        super().__init__("\n".join([*map(str, faults), *filter(None, [self.left])]))

    @property
    def left(self) -> str:
        """How many could not be checked, and the first of them; empty when all could."""
        if not self.waiting:
            return ""
        more = f" and {len(self.waiting) - 3} more" if len(self.waiting) > 3 else ""
        many = "definitions" if len(self.waiting) > 1 else "definition"
        named = ", ".join(self.waiting[:3]) + more
        return f"{len(self.waiting)} {many} could not be checked because of this: {named}"
