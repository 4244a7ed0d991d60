"""What a person had better do by hand about an audience: said beside it, and never in the way."""

from __future__ import annotations

import re

from usher.audiences.models import Audience
from usher.definitions.uses import uses
from usher.lib.changes import Change
from usher.syncs.limits import SYNCED_NAME


def after_renaming(audience: Audience, old: str) -> list[str]:
    """What has to be changed by hand after a list was renamed from `old`; empty when it was not."""
    if audience.name == old:
        return []
    said = [
        f"Definition files keep the name “{old}”: change it there too, or the next `usher apply` makes"
        f" it a second time."
    ]
    syncs = [use.name for use in uses(audience) if use.kind == "sync"]
    if syncs:
        named = ", ".join(f"“{name}”" for name in syncs)
        said.append(f"It is taken by {named}, which follow it by themselves; in files change the name there.")
    return said


def of_name(audience: Audience) -> list[str]:
    """That a tag of this name cannot be synced to Dotdigital, and why; empty when it can, or is no tag."""
    return _of_tag(audience.name) if audience.is_tag else []


def of_change(change: Change) -> list[str]:
    """The same of a tag that was just made or changed."""
    tags = (Audience.Kind.TAG.label, Audience.Kind.AUTO_TAG.label)
    return _of_tag(change.name) if change.kind in tags and change.action != "unchanged" else []


def _of_tag(name: str) -> list[str]:
    if re.fullmatch(SYNCED_NAME, name):
        return []
    others = sorted(set(re.findall("[^A-Za-z0-9_ ]", name)))
    faults = [
        "more than 16 characters" if len(name) > 16 else "",
        "small letters" if re.search("[a-z]", name) else "",
        "spaces" if " " in name else "",
        f"characters such as {' '.join(others[:5])}" if others else "",
    ]
    why = ", ".join(filter(None, faults))
    return [f"{why}: cannot be synced to Dotdigital, where tags have at most 16 out of A-Z, 0-9 and _"]
