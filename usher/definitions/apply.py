"""Apply a folder of definitions: all of it or nothing, and the same folder again changes nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import transaction

from usher.definitions.errors import DefinitionsError, Fault
from usher.definitions.read import read
from usher.definitions.sections import room_of
from usher.lib.changes import Change, DefinitionError


def apply(folder: Path, *, by: str, now: datetime, keep: bool = True) -> list[Change]:
    """Apply every definition of the folder; what each did. With `keep` false, look only.

    Raises DefinitionsError with every definition that could not be applied; then nothing was.
    """
    definitions = read(folder)
    rooms = room_of()
    changes: list[Change] = []
    faults: list[Fault] = []
    with transaction.atomic():
        for one in definitions:
            try:
                with transaction.atomic():
                    change = rooms[one.section].apply(
                        one.section, one.name, one.body, base_dir=one.file.parent, by=by, now=now
                    )
            except DefinitionError as problem:
                faults.append(Fault(str(one.file), one.line, str(problem)))
            else:
                changes.append(change)
        if faults or not keep:
            transaction.set_rollback(True)
    if faults:
        raise DefinitionsError(faults)
    return changes
