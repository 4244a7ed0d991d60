"""What can be wrong with a folder of definitions."""

from __future__ import annotations

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
    """The folder was not applied, none of it; `faults` says what to mend."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
