"""New definitions and changed ones: auto tags, lists, segments, fields, tags."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from usher.audiences.due import next_due
from usher.audiences.models import Audience, ComputedField
from usher.lib import clock
from usher.web.figures import editing, rulefield
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
    return _edited(request, SHAPES[FIELD], get_object_or_404(ComputedField, pk=pk).name)


@page
def fields(request: HttpRequest) -> HttpResponse:
    """The computed fields: name, expression, and how many customers have a value."""
    return show(request, "usher/audiences/fields.html", rows=editing.fields())


def _edited(request: HttpRequest, shape: Shape, old: str) -> HttpResponse:
    stored = editing.stored(shape, old) if old else {}
    posted = request.POST if request.method == "POST" else None
    form = DefinitionForm(shape, posted, initial=stored)
    text = stored.get(shape.rule, "") if posted is None else posted.get("rule", "").replace("\r\n", "\n")
    if posted is not None and posted.get("do") != "check" and form.is_valid():
        by = request.user.get_username()
        if editing.save(form, shape, text, old=old, by=by, now=clock.now()):
            return _saved(request, shape, form.cleaned_data["name"])
    return show(
        request,
        "usher/audiences/edit.html",
        form=form,
        shape=shape,
        old=old,
        judged=rulefield.judged(text, value=shape.value),
        functions=rulefield.functions(),
        examples=rulefield.examples() if shape.rule else [],
        back=_address(shape, old) if old else reverse("define"),
    )


def _saved(request: HttpRequest, shape: Shape, name: str) -> HttpResponse:
    at = next_due(clock.now())
    when = (
        _("It is worked out with the next evaluation, at {at:%H:%M}.").format(at=at)
        if at
        else _("It is worked out when somebody asks for an evaluation.")
    )
    messages.success(request, _("“{name}” is saved. {when}").format(name=name, when=when), "good")
    return redirect(_address(shape, name))


def _address(shape: Shape, name: str) -> str:
    if shape.kind == FIELD:
        return reverse("fields")
    return reverse("audience", args=[Audience.objects.get(kind=shape.kind, name=name).pk])
