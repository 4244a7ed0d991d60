"""Data fields: made, and deleted with every contact's value when nothing needs them."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from usher.engage.errors import EngageError
from usher.engage.models import DataField
from usher.engage.models.contacts import FieldType, Visibility
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.deleting import deleted
from usher.web.figures import datafields as figures
from usher.web.page import page, show

TYPES = [
    (FieldType.STRING, gettext_lazy("text")),
    (FieldType.NUMERIC, gettext_lazy("number")),
    (FieldType.DATE, gettext_lazy("date")),
    (FieldType.BOOLEAN, gettext_lazy("yes or no")),
]


class FieldForm(forms.Form):
    """A new data field."""

    name = forms.CharField(
        max_length=20,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Letters, digits, _ and -; at most 20. It is written in upper case."),
    )
    type = forms.ChoiceField(choices=TYPES, label=gettext_lazy("Holds a"))
    visibility = forms.ChoiceField(
        choices=[
            (Visibility.PRIVATE, gettext_lazy("no, it is private")),
            (Visibility.PUBLIC, gettext_lazy("yes, it is public")),
        ],
        label=gettext_lazy("Shown to contacts"),
    )
    default = forms.CharField(
        required=False,
        max_length=1000,
        label=gettext_lazy("Instead of a missing value"),
        help_text=gettext_lazy("Used when a mail is written to somebody without a value."),
    )


@page
def datafields(request: HttpRequest) -> HttpResponse:
    """All fields, and a form for one more."""
    of, form = account(), FieldForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            with signed(request, of, clock.now()):
                made = figures.make(of, said["name"], said["type"], said["visibility"], said["default"])
        except EngageError as problem:
            form.add_error("default" if "default" in problem.message else "name", problem.message)
        else:
            messages.success(request, _("“{name}” is made.").format(name=made.name), "good")
            return redirect("data_fields")
    holds = dict(TYPES)
    rows = [(row, figures.is_built_in(row), holds[FieldType(row.type)]) for row in figures.datafields(of)]
    return show(request, "usher/datafields/list.html", rows=rows, form=form)


@page
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a field that nothing needs; its name has to be typed."""
    of, trouble = account(), ""
    row = get_object_or_404(DataField.objects.select_related("account"), pk=pk, account=of)
    if request.method == "POST":
        trouble = deleted(request, row.account, row.name, lambda: figures.remove(row))
        if not trouble:
            return redirect("data_fields")
    found = {"name": row.name, "uses": figures.uses(row), "trouble": trouble}
    says = _("Every contact's value of it is gone then, for good.")
    return show(request, "usher/lists/delete.html", back=reverse("data_fields"), says=says, **found)
