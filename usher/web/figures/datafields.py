"""The data fields of the contacts: which there are, and what would miss one."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from usher.engage.contacts import fields
from usher.engage.errors import EngageError
from usher.engage.models import Account, DataField
from usher.engage.programs.uses import (
    campaigns_reading,
    forms_asking,
    programs_reading,
    segments_reading,
)


def datafields(account: Account) -> QuerySet[DataField]:
    return DataField.objects.filter(account=account).order_by("name")


def uses(field: DataField) -> list[str]:
    """What would miss the field, in words."""
    of = field.account
    return [
        *(_("the campaign “{name}”").format(name=one.name) for one in campaigns_reading(of, field.name)),
        *(_("the segment “{name}”").format(name=one.name) for one in segments_reading(of, field.name)),
        *(_("the program “{name}”").format(name=one.name) for one in programs_reading(of, field.name)),
        *(_("the form “{name}”").format(name=one.name) for one in forms_asking(of, field.name)),
    ]


def is_built_in(field: DataField) -> bool:
    return field.name in fields.BUILT_IN


def make(account: Account, name: str, kind: str, visibility: str, default: str) -> DataField:
    """Make a field. EngageError says why not."""
    return fields.create_field(account, name, kind, visibility, default or None)


def remove(field: DataField) -> None:
    """Remove the field and every contact's value of it. EngageError while something needs it."""
    if needing := uses(field):
        raise EngageError("", _("it is used by {names}").format(names=", ".join(needing)))
    if not fields.remove_field(field.account, field.name):
        raise EngageError("", _("every account has this field, and keeps it"))
