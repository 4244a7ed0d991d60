"""Programs: the graph with the people in it, pause and resume."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from usher.engage.models import Program
from usher.engage.programs import enrol
from usher.lib import clock
from usher.web.figures import programs as figures
from usher.web.figures import seeds
from usher.web.figures.walk import drawn
from usher.web.page import page, show
from usher.web.paging import page_of


@page
def programs(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/programs/list.html", rows=figures.programs())


@page
def program(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Program, pk=pk)
    found = drawn(row, clock.now())
    return show(request, "usher/programs/program.html", row=row, seeds=seeds.of_program(row.name), **found)


@page
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """Those who stand at a step, or who left by an outcome: `?at=step` or `?left=outcome`."""
    row = get_object_or_404(Program, pk=pk)
    step, outcome = request.GET.get("at", ""), request.GET.get("left", "")
    found = page_of(request, figures.people(row, step, outcome))
    title = figures.title_of(row, step)
    return show(request, "usher/programs/people.html", row=row, rows=found, title=title, outcome=outcome)


@page
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Program, pk=pk)
    if request.method == "POST":
        enrol.pause(row)
        messages.success(
            request, _("“%(program)s” is paused. Everybody stays where they are.") % {"program": row}, "good"
        )
        return redirect("program", pk)
    return show(request, "usher/programs/pause.html", row=row, inside=figures.inside(row))


@page
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Program, pk=pk)
    if request.method == "POST":
        enrol.resume(row)
        messages.success(request, _("“%(program)s” runs again.") % {"program": row}, "good")
        return redirect("program", pk)
    due = figures.inside(row, due_by=clock.now())
    return show(request, "usher/programs/resume.html", row=row, inside=figures.inside(row), due=due)
