"""Take away what nothing needs: an audience, a tag group, a computed field, what the engine defines."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from usher.audiences.errors import InUseError
from usher.audiences.models import Audience, ComputedField, TagGroup
from usher.audiences.rulebook import titled
from usher.definitions.sections import KINDS
from usher.definitions.uses import Use, uses, uses_of_field, uses_of_group
from usher.engage import removing
from usher.lib.changes import DefinitionError


def remove(section: str, name: str) -> None:
    """Delete what a section defines under this name; InUseError and DefinitionError say why it cannot go."""
    if section in KINDS:
        remove_audience(Audience.objects.get(kind=KINDS[section], name=name))
    elif section == "tag_groups":
        remove_group(TagGroup.objects.get(name=name))
    elif section == "computed_fields":
        remove_field(ComputedField.objects.get(name=name))
    elif section in removing.SECTIONS:
        removing.remove(section, name)
    else:
        raise DefinitionError(section, name, "", "this is not deleted by a call")


def remove_audience(audience: Audience) -> None:
    """Delete it with its history; InUseError names all that depends on it."""
    with transaction.atomic():
        Audience.objects.select_for_update().get(pk=audience.pk)
        _demand_unused(titled(audience), uses(audience))
        audience.delete()


def remove_group(group: TagGroup) -> None:
    """Delete an empty tag group that no sync takes; InUseError."""
    with transaction.atomic():
        _demand_unused(f"tag group “{group.name}”", uses_of_group(group))
        group.delete()


def remove_field(field: ComputedField) -> None:
    """Delete a computed field with its history; InUseError names the syncs that take it."""
    with transaction.atomic():
        _demand_unused(titled(field), uses_of_field(field))
        field.delete()


def _demand_unused(what: str, found: Sequence[Use]) -> None:
    if found:
        raise InUseError(f"{what} is used by {', '.join(map(str, found))}; change that first")
