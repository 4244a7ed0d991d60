"""Which room answers for which section of the YAML files, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from usher.audiences import definitions as audiences
from usher.audiences.models import Audience
from usher.destinations import definitions as destinations
from usher.engage import definitions as engage
from usher.lib.changes import Change
from usher.seeds import definitions as seeds
from usher.sources import definitions as sources
from usher.syncs import definitions as syncs


class Room(Protocol):
    """What a room offers for its definitions."""

    @property
    def SECTIONS(self) -> Mapping[str, type[BaseModel]]: ...  # noqa: N802 - a constant of each room

    def apply(
        self, section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime
    ) -> Change: ...

    def export(self, section: str) -> Mapping[str, Mapping[str, Any]]: ...


ROOMS: tuple[Room, ...] = (sources, audiences, engage, destinations, syncs, seeds)

#: Sections that hold one body instead of a mapping of names.
SINGLE = ("account", "evaluation")

#: Which kind of audience a section defines.
KINDS = {
    "tags": Audience.Kind.TAG,
    "static_lists": Audience.Kind.STATIC_LIST,
    "external_audiences": Audience.Kind.EXTERNAL,
    "segments": Audience.Kind.SEGMENT,
    "auto_tags": Audience.Kind.AUTO_TAG,
    "customer_lists": Audience.Kind.CUSTOMER_LIST,
}


def room_of() -> dict[str, Room]:
    """Section name -> the room that answers for it, in the order of applying."""
    return {section: room for room in ROOMS for section in room.SECTIONS}
