"""A definition in a form: filled in by what is stored, and saved by the verbs that `usher apply` uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import yaml
from django import forms
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from usher.audiences import definitions, naming
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience, ComputedField, Evaluation, Snapshot, TagGroup
from usher.definitions.apply import apply_one
from usher.lib.changes import DefinitionError

Kind = Audience.Kind
FIELD = "computed_field"
#: What becomes a data field of a platform.
KEEP_THEIR_NAMES = (Kind.TAG, Kind.AUTO_TAG, FIELD)


@dataclass(frozen=True)
class Shape:
    """A kind of thing that a page can define: its section, its name for people, and what it is for."""

    kind: str
    section: str
    title: Any
    teaches: Any
    #: The key of its rule in the section; empty where it has none.
    rule: str = "rule"

    @property
    def value(self) -> bool:
        """Whether the rule gives a value and need not be a condition."""
        return self.rule == "value"


SHAPES = {
    shape.kind: shape
    for shape in (
        Shape(
            Kind.AUTO_TAG,
            "auto_tags",
            gettext_lazy("auto tag"),
            gettext_lazy("Put on everybody who fulfils a rule, and taken off again when they no longer do."),
        ),
        Shape(
            Kind.CUSTOMER_LIST,
            "customer_lists",
            gettext_lazy("customer list"),
            gettext_lazy("Everybody who fulfils a rule, put together of areas; meant to be taken somewhere."),
        ),
        Shape(
            Kind.SEGMENT,
            "segments",
            gettext_lazy("segment"),
            gettext_lazy("A condition with a name that many lists and tags can share."),
        ),
        Shape(
            FIELD,
            "computed_fields",
            gettext_lazy("computed field"),
            gettext_lazy("A value worked out for every customer, such as the number of their orders."),
            "value",
        ),
        Shape(
            Kind.TAG,
            "tags",
            gettext_lazy("tag"),
            gettext_lazy("Put on customers by hand, by a file, or by another system."),
            "",
        ),
        Shape(
            Kind.STATIC_LIST,
            "static_lists",
            gettext_lazy("static list"),
            gettext_lazy("Customers picked by hand or by a file; it stays as it is."),
            "",
        ),
        Shape(
            Kind.EXTERNAL,
            "external_audiences",
            gettext_lazy("external audience"),
            gettext_lazy("Its members are pushed in by another system through the API."),
            "",
        ),
    )
}


class DefinitionForm(forms.Form):
    """The fields that the section of this shape knows; the rule has a field of its own on the page."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60, strip=True)
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    group = forms.ChoiceField(label=gettext_lazy("Tag group"), required=False)
    folder = forms.CharField(
        label=gettext_lazy("Folder"), required=False, help_text=gettext_lazy("For example Marketing/Opera")
    )
    owner = forms.CharField(
        label=gettext_lazy("Owner"), required=False, help_text=gettext_lazy("Who answers for it")
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Expires on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("From this day on it has no members, unless something still uses it."),
    )

    def __init__(
        self, shape: Shape, data: Any = None, *, old: str = "", initial: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        known = {"name", *definitions.SECTIONS[shape.section].model_fields}
        for name in [name for name in self.fields if name not in known]:
            del self.fields[name]
        if "group" in self.fields:
            named = [(name, name) for name in TagGroup.objects.values_list("name", flat=True)]
            cast(forms.ChoiceField, self.fields["group"]).choices = [("", _("none")), *named]
        if old and shape.kind in KEEP_THEIR_NAMES:
            self.fields["name"].disabled = True
            self.fields["name"].help_text = _("Platforms know it by this name, so it stays.")

    def refuse(self, problem: str, field: str = "") -> None:
        """Show a refusal of the room at its field, or above the form."""
        self.add_error(field if field in self.fields else None, problem)


def shape_of(thing: Audience | ComputedField) -> Shape | None:
    """What a page can edit it as; None for a frozen list, which stays as it is."""
    return SHAPES.get(thing.kind if isinstance(thing, Audience) else FIELD)


def stored(shape: Shape, name: str) -> dict[str, Any]:
    """The definition as `usher export` writes it."""
    return {"name": name} | definitions.export(shape.section).get(name, {})


def save(form: DefinitionForm, shape: Shape, rule: str, *, old: str, by: str, now: datetime) -> bool:
    """Apply what the form holds as `usher apply` does; False with the refusal in the form, nothing changed.

    What the page does not show, such as the members that a definition names, stays.
    """
    given = {key: value for key, value in form.cleaned_data.items() if key != "name"}
    given |= {"group": given["group"] or None} if "group" in given else {}
    given |= {shape.rule: rule} if shape.rule else {}
    try:
        with transaction.atomic():
            name = _named(shape, old, form.cleaned_data["name"])
            kept = definitions.export(shape.section).get(name, {}) if old else {}
            kept = {key: value for key, value in kept.items() if key not in ("rule", "areas", "pre")}
            body = definitions.SECTIONS[shape.section].model_validate(kept | given)
            apply_one(shape.section, name, body, base_dir=settings.USHER_DATA_DIR, by=by, now=now)
    except DefinitionError as problem:
        form.refuse(_capital(problem.message), problem.field)
        return False
    except AudienceError as problem:
        form.refuse(_capital(str(problem)), "name")
        return False
    except ValidationError as problem:
        for error in problem.errors():
            form.refuse(error["msg"], str(error["loc"][0]) if error["loc"] else "")
        return False
    return True


def _named(shape: Shape, old: str, name: str) -> str:
    """The name that it has after saving; AudienceError when it is taken, or rules speak of the old one."""
    if shape.kind == FIELD:
        if not old and ComputedField.objects.filter(name__iexact=name).exists():
            raise AudienceError(f"there is a computed field “{name}” already")
        return old or name
    if old:
        naming.rename(Audience.objects.get(kind=shape.kind, name=old), name)
    else:
        naming.demand_free_name(shape.kind, name)
    return name


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def yaml_of(thing: Audience | ComputedField) -> str:
    """The definition as it would stand in a file; "" for what files cannot hold."""
    shape, name = shape_of(thing), thing.name
    if shape is None:
        return ""
    body = definitions.export(shape.section).get(name, {})
    return yaml.safe_dump({shape.section: {name: body}}, allow_unicode=True, sort_keys=False, width=80)


def fields() -> list[tuple[ComputedField, Snapshot | None]]:
    """Every computed field with what was last published of it."""
    rows = list(ComputedField.objects.all())
    newest = Snapshot.objects.filter(field__in=rows, evaluation__state=Evaluation.State.DONE)
    newest = newest.select_related("evaluation").order_by("field_id", "-evaluation__number")
    known = {one.field_id: one for one in newest.distinct("field_id")}
    return [(row, known.get(row.pk)) for row in rows]
