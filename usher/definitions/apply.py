"""Apply a folder of definitions: all of it or nothing, and the same folder again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.db import transaction
from pydantic import BaseModel

from usher.audiences.bodies import AudienceBody
from usher.definitions.blame import Failed, blamed
from usher.definitions.errors import DefinitionsError, Fault
from usher.definitions.expiry import demand_day_to_come
from usher.definitions.read import Definition, read
from usher.definitions.sections import KINDS, room_of
from usher.engage.definitions import beginning
from usher.lib.changes import Change, DefinitionError
from usher.syncs import limits


def apply(folder: Path, *, by: str, now: datetime, keep: bool = True) -> list[Change]:
    """Apply every definition of the folder; what each did. With `keep` false, look only.

    Raises DefinitionsError with every definition that could not be applied; then nothing was.
    """
    definitions = read(folder)
    with transaction.atomic():
        changes = apply_all(definitions, by=by, now=now)
        faults = list(_of_synced_tags(definitions))
        if faults or not keep:
            transaction.set_rollback(True)
    if faults:
        raise DefinitionsError(faults)
    return changes


def apply_one(
    section: str, name: str, body: BaseModel, *, by: str, now: datetime, base_dir: Path = Path()
) -> Change:
    """Apply one definition that came from elsewhere than a folder, under the same checks; DefinitionError."""
    with transaction.atomic():
        change = _made_so(section, name, body, base_dir=base_dir, by=by, now=now)
        for sync, problem in limits.all_problems():
            raise DefinitionError(change.kind, name, "group", f"sync “{sync.name}”: {problem.message}")
    return change


def apply_all(definitions: Sequence[Definition], *, by: str, now: datetime) -> list[Change]:
    """Apply them within the caller's transaction, which is not to be kept after a DefinitionsError.

    In order, and again what failed as long as that helps: a rule may speak of what stands after it. What two
    need of each other is begun without it, where that can be: a list before the program that it starts.
    """
    changes: dict[int, Change] = {}
    begun: dict[int, Change] = {}
    waiting = dict(enumerate(definitions))
    while waiting:
        failed: dict[int, Failed] = {}
        for place, one in waiting.items():
            try:
                with transaction.atomic():
                    changes[place] = _made_so(
                        one.section, one.name, one.body, base_dir=one.file.parent, by=by, now=now
                    )
            except DefinitionError as problem:
                failed[place] = Failed(one, problem)
        if len(failed) == len(waiting):
            more = _begun({place: one for place, one in waiting.items() if place not in begun}, by, now)
            if not more:
                raise blamed(list(failed.values()))
            begun |= more
        waiting = {place: waiting[place] for place in failed}
    changes |= {place: change for place, change in begun.items() if change.action == "created"}
    return [changes[place] for place in sorted(changes)]


def _begun(waiting: Mapping[int, Definition], by: str, now: datetime) -> dict[int, Change]:
    """Make what can be made without what others have yet to make for it; place -> what that did."""
    found = {}
    for place, one in waiting.items():
        body = beginning(one.section, one.body)
        if body is not None:
            with suppress(DefinitionError), transaction.atomic():
                found[place] = _made_so(one.section, one.name, body, base_dir=one.file.parent, by=by, now=now)
    return found


def _made_so(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    if section in KINDS and isinstance(body, AudienceBody):
        demand_day_to_come(KINDS[section], name, body.expires_on, now)
    return room_of()[section].apply(section, name, body, base_dir=base_dir, by=by, now=now)


def _of_synced_tags(definitions: Sequence[Definition]) -> Iterator[Fault]:
    """A tag that was put into a group which a sync takes must be one that its platform takes."""
    for sync, problem in limits.all_problems():
        blamed = [
            one
            for one in definitions
            if (one.section in ("tags", "auto_tags") and one.name in problem.tags)
            or (one.section == "syncs" and one.name == sync.name)
        ]
        file, line = (str(blamed[0].file), blamed[0].line) if blamed else ("", 0)
        yield Fault(file, line, f"sync “{sync.name}”, {problem.field}: {problem.message}")
