"""What tags a platform takes: said when a sync is defined or a tag is put into a group, never at night."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from usher.audiences.models import Audience
from usher.destinations.models import Destination
from usher.syncs.models import Sync
from usher.syncs.plan import name_problem

#: TAG_ and a name are 20 characters at most, the longest name of a data field.
SYNCED_NAME = r"[A-Z0-9_]{1,16}"


@dataclass(frozen=True)
class Problem:
    """`field` of the sync names the tags; `tags` are those that are one too many, or wrongly called."""

    field: str
    message: str
    tags: tuple[str, ...]


def problems(sync: Sync) -> Iterator[Problem]:
    """What of a sync's tags its platform does not take; the sync may be one that is not saved yet."""
    for tag in sync.all_tags:
        wrong = tag_problem(tag, sync.destination)
        if wrong:
            yield Problem(*_named(sync, tag, wrong), (tag,))
    others = Sync.objects.filter(destination=sync.destination).exclude(name=sync.name)
    every = {tag for other in others for tag in other.all_tags} | set(sync.all_tags)
    most = sync.destination.synced_tags
    if len(every) > most:
        message = (
            f"{len(every)} tags would be synced to “{sync.destination.name}”, which takes {most}; sync fewer,"
            " or set synced_tags in the destination's definition"
        )
        yield Problem("tags" if sync.tags else "tag_groups", message, tuple(sync.all_tags))


def all_problems() -> Iterator[tuple[Sync, Problem]]:
    """The same of every sync that is defined."""
    for sync in Sync.objects.select_related("destination"):
        for problem in problems(sync):
            yield sync, problem


def tag_problem(tag: str, destination: Destination) -> str:
    """Why a tag of this name cannot be synced there; "" when it can."""
    if not re.fullmatch(SYNCED_NAME, tag):
        return (
            "a tag that is synced has a name of 1 to 16 characters out of A-Z, 0-9 and _ (no spaces), because"
            f" it becomes the data field TAG_{tag}"
        )
    return name_problem(f"TAG_{tag}", destination.platform.capabilities)


def _named(sync: Sync, tag: str, wrong: str) -> tuple[str, str]:
    if tag in sync.tags:
        return "tags", f"“{tag}”: {wrong}"
    group = Audience.objects.filter(name=tag, group__name__in=sync.tag_groups).values_list("group__name")
    return "tag_groups", f"“{tag}” of the group “{group[0][0]}”: {wrong}"
