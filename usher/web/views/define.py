"""New definitions and changed ones: auto tags, lists, segments, fields, tags."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from usher.audiences.areas import Areas
from usher.audiences.due import next_due
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience, ComputedField
from usher.lib import clock
from usher.web.figures import areas, editing, rulefield
from usher.web.figures.editing import FIELD, SHAPES, DefinitionForm, Shape
from usher.web.page import page, show


@page
def choose(request: HttpRequest) -> HttpResponse:
    """Which kind of thing is to be made."""
    return show(request, "usher/audiences/choose.html", shapes=SHAPES.values())


@page
def new(request: HttpRequest, kind: str) -> HttpResponse:
    shape = SHAPES.get(kind)
    if shape is None:
        raise Http404
    return _edited(request, shape, "")


@page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Audience, pk=pk)
    shape = editing.shape_of(row)
    if shape is None:
        raise Http404
    return _edited(request, shape, row.name)


@page
def field(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(ComputedField, pk=pk)
    return _edited(request, SHAPES[FIELD], row.name, field_pk=pk, yaml=editing.yaml_of(row))


@page
def fields(request: HttpRequest) -> HttpResponse:
    """The computed fields: name, expression, and how many customers have a value."""
    return show(request, "usher/audiences/fields.html", rows=editing.fields())


def _edited(request: HttpRequest, shape: Shape, old: str, **more: object) -> HttpResponse:
    stored = editing.stored(shape, old) if old else {}
    do = request.POST.get("do", "save") if request.method == "POST" else ""
    rule = Written.of(request, shape, stored.get(shape.rule, ""), do)
    if do == "save":
        form = DefinitionForm(shape, request.POST, old=old, initial=stored)
        text = rule.text(form) if form.is_valid() else None
        by = request.user.get_username()
        if text is not None and editing.save(form, shape, text, old=old, by=by, now=clock.now()):
            return _saved(request, shape, form.cleaned_data["name"])
    else:
        form = DefinitionForm(shape, old=old, initial=stored | request.POST.dict())
    return show(
        request,
        "usher/audiences/edit.html",
        form=form,
        shape=shape,
        old=old,
        turned=do in ("as-rule", "as-areas"),
        **rule.shown(),
        **more,
        functions=rulefield.functions(),
        examples=rulefield.examples() if shape.rule else [],
        back=_address(shape, old) if old else reverse("define"),
    )


@dataclass(frozen=True)
class Written:
    """The rule of a form: as text, or as areas."""

    shape: Shape
    rule: str
    areas: Areas | None

    @classmethod
    def of(cls, request: HttpRequest, shape: Shape, stored: str, do: str) -> Written:
        """As stored, or as posted after what the button asks for; a customer list is opened as areas."""
        if shape.kind != Audience.Kind.CUSTOMER_LIST:
            return cls(shape, _lines(request.POST.get("rule", "")) if do else stored, None)
        if not do:
            return cls(shape, stored, areas.opened(stored))
        if "areas" not in request.POST:
            rule = _lines(request.POST.get("rule", ""))
            return cls(shape, rule, areas.opened(rule) if do == "as-areas" else None)
        now = areas.changed(areas.posted(request.POST.dict()), do)
        if do != "as-rule":
            return cls(shape, "", now)
        try:
            return cls(shape, areas.rule_of(now), None)
        except AudienceError as problem:
            messages.error(request, _capital(str(problem)), "bad")
            return cls(shape, "", now)

    def text(self, form: DefinitionForm) -> str | None:
        """The rule as it is stored; None when the areas make none, which the form then says."""
        if self.areas is None:
            return self.rule
        try:
            return areas.rule_of(self.areas)
        except AudienceError as problem:
            form.refuse(_capital(str(problem)))
            return None

    def shown(self) -> dict[str, object]:
        """What the page needs of it."""
        if self.areas is None:
            unread = self.shape.kind == Audience.Kind.CUSTOMER_LIST
            return {"judged": rulefield.judged(self.rule, value=self.shape.value), "can_be_areas": unread}
        return {
            "cards": areas.cards(self.areas),
            "pre": areas.pre_filter(self.areas),
            "segments": areas.segments(),
        }


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _saved(request: HttpRequest, shape: Shape, name: str) -> HttpResponse:
    at = next_due(clock.now())
    when = (
        _("It is worked out with the next evaluation, at {at:%H:%M}.").format(at=at)
        if at
        else _("No schedule is defined: it is worked out when somebody chooses “Evaluate now”.")
    )
    messages.success(request, _("“{name}” is saved. {when}").format(name=name, when=when), "good")
    return redirect(_address(shape, name))


def _address(shape: Shape, name: str) -> str:
    if shape.kind == FIELD:
        return reverse("fields")
    return reverse("audience", args=[Audience.objects.get(kind=shape.kind, name=name).pk])
