"""The data fields of the contacts: which there are, and what would miss one."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from usher.engage.contacts import fields
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, DataField, Form
from usher.engage.programs.uses import programs_reading, segments_reading


def datafields(account: Account) -> QuerySet[DataField]:
    return DataField.objects.filter(account=account).order_by("name")


def uses(field: DataField) -> list[str]:
    """What would miss the field, in words."""
    of, token = field.account, f"@{field.name}@"
    content = Q(html__icontains=token) | Q(text__icontains=token) | Q(subject__icontains=token)
    campaigns = Campaign.objects.filter(content, account=of).order_by("name").values_list("name", flat=True)
    forms = Form.objects.filter(account=of, fields__contains=[{"name": field.name}])
    return [
        *(_("the campaign “{name}”").format(name=name) for name in campaigns),
        *(_("the segment “{name}”").format(name=one.name) for one in segments_reading(of, field.name)),
        *(_("the program “{name}”").format(name=one.name) for one in programs_reading(of, field.name)),
        *(_("the form “{name}”").format(name=one.name) for one in forms.order_by("name")),
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
