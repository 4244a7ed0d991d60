"""Preferences: the topics that contacts choose, in their categories, made, changed, moved and deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from usher.engage.errors import EngageError
from usher.engage.models import Account, Preference
from usher.engage.preferences import tree
from usher.lib import clock
from usher.web.account import account, signed
from usher.web.deleting import deleted
from usher.web.figures import preferences as figures
from usher.web.page import page, show


class TopicForm(forms.Form):
    """A topic, or a category of topics."""

    private_name = forms.CharField(max_length=255, label=gettext_lazy("Name for you"))
    public_name = forms.CharField(
        required=False,
        max_length=255,
        label=gettext_lazy("Name for contacts"),
        help_text=gettext_lazy("Empty: as for you."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("It is"),
        choices=[
            ("topic", gettext_lazy("a topic that contacts choose")),
            ("category", gettext_lazy("a category of topics")),
        ],
    )
    category = forms.ChoiceField(required=False, label=gettext_lazy("In the category"))
    is_public = forms.BooleanField(
        required=False, label=gettext_lazy("Shown to contacts in the preference centre")
    )

    def __init__(self, of: Account, row: Preference | None, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["category"].choices = [("", _("none")), *figures.categories(of)]  # type: ignore[attr-defined]
        if row is not None:  # a topic stays one, and so does a category
            del self.fields["kind"]
            if not row.is_preference:
                del self.fields["category"]

    def draft(self, row: Preference | None) -> tree.Draft:
        said = self.cleaned_data
        is_topic = row.is_preference if row else said["kind"] == "topic"
        category = int(said.get("category") or 0) if is_topic else 0
        return tree.Draft(said["private_name"], said["public_name"], is_topic, said["is_public"], category)


@page
def preferences(request: HttpRequest) -> HttpResponse:
    """The tree, and a form for one more topic."""
    of = account()
    form = TopicForm(of, None, request.POST or None)
    if request.method == "POST" and form.is_valid() and (saved := _saved(request, of, None, form)):
        messages.success(request, _("“{name}” is made.").format(name=saved.private_name), "good")
        return redirect("preferences")
    return show(request, "usher/preferences/list.html", topics=figures.topics(of), form=form)


@page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = _row(pk)
    first = {name: getattr(row, name) for name in ("private_name", "public_name", "is_public")}
    first |= {"category": str(row.category_id or "")}
    form = TopicForm(row.account, row, request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid() and (saved := _saved(request, row.account, row, form)):
        messages.success(request, _("“{name}” is saved.").format(name=saved.private_name), "good")
        return redirect("preferences")
    return show(request, "usher/preferences/edit.html", row=_row(pk), form=form)


def _saved(request: HttpRequest, of: Account, row: Preference | None, form: TopicForm) -> Preference | None:
    """The saved topic; None when it was refused, which the form then says."""
    now = clock.now()
    try:
        with signed(request, of, now):
            return figures.save(row, of, form.draft(row), now)
    except EngageError as problem:
        form.add_error("private_name", problem.message)
        return None


@page
@require_POST
def move(request: HttpRequest, pk: int) -> HttpResponse:
    row, now = _row(pk), clock.now()
    step = figures.MOVES.get(request.POST.get("to", ""))
    if step:
        with signed(request, row.account, now):
            figures.move(row, step, now)
    return redirect("preferences")


@page
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a topic that nothing needs; its name has to be typed."""
    row, trouble = _row(pk), ""
    if request.method == "POST":
        trouble = deleted(request, row.account, row.private_name, lambda: figures.remove(row))
        if not trouble:
            return redirect("preferences")
    people = figures.touched(row)
    says = ngettext(
        "What {people:,} contact has chosen is gone then, for good.",
        "What {people:,} contacts have chosen is gone then, for good.",
        people,
    ).format(people=people)
    if not row.is_preference:
        says = _("Its topics go with it.") + " " + says
    found = {"name": row.private_name, "uses": figures.uses(row), "trouble": trouble, "says": says}
    return show(request, "usher/lists/delete.html", back=reverse("preferences"), **found)


def _row(pk: int) -> Preference:
    return get_object_or_404(Preference.objects.select_related("account"), pk=pk, account=account())
