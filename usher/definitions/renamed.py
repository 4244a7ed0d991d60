"""What a renamed list leaves behind: files and syncs that know it by its old name."""

from __future__ import annotations

from usher.audiences.models import Audience
from usher.definitions.uses import uses


def hints(audience: Audience, old: str) -> list[str]:
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
