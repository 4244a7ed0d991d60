"""Make and change tag groups: each name once, and none that a sync knows its group by is changed."""

from __future__ import annotations

from django.db import transaction

from usher.audiences import naming
from usher.audiences.errors import AudienceError, InUseError
from usher.audiences.models import TagGroup
from usher.definitions.uses import uses_of_group


def make(name: str, description: str = "") -> TagGroup:
    """A new group; AudienceError when it cannot be called so, or one is called so in any letter case."""
    _demand_free(name, None)
    return TagGroup.objects.create(name=name, description=description)


def edit(group: TagGroup, *, name: str | None = None, description: str | None = None) -> None:
    """Write it; None leaves a thing as it is. AudienceError for a name, InUseError when syncs take it."""
    with transaction.atomic():
        if name is not None and name != group.name:
            _demand_free(name, group)
            takers = [use for use in uses_of_group(group) if use.kind == "sync"]
            if takers:
                named = ", ".join(map(str, takers))
                raise InUseError(
                    f"tag group “{group.name}” is taken by that name by {named}; change that first"
                )
            group.name = name
        if description is not None:
            group.description = description
        group.save()


def _demand_free(name: str, besides: TagGroup | None) -> None:
    if wrong := naming.group_problem(name, besides):
        raise AudienceError(f"tag group “{name}”: {wrong}")
