"""Syncs: what each keeps equal to what, its runs with their plans, and the approval of a held one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from usher.lib import clock
from usher.syncs import run as runs
from usher.syncs import status
from usher.syncs.models import Run, Sync
from usher.syncs.tasks import resume_run
from usher.web.figures import syncs as figures
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import page_of

#: HTMX asks no more after this status.
STOP_POLLING = 286


@page
def syncs(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/syncs/list.html", rows=figures.with_last_run())


@page
def sync(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Sync.objects.select_related("audience", "destination"), pk=pk)
    return show(
        request,
        "usher/syncs/sync.html",
        row=row,
        runs=page_of(request, row.runs.order_by("-id")),
        last=row.runs.order_by("-id").first(),
        now_there=status.status(row, clock.now()),
        refused=figures.refused(row),
    )


@page
def run(request: Asked, pk: int, run: int) -> HttpResponse:
    row = get_object_or_404(
        Run.objects.select_related("sync__audience", "sync__destination"), pk=run, sync=pk
    )
    newest = row.sync.runs.order_by("-id").values_list("pk", flat=True).first()
    running = row.state in (Run.State.PLANNED, Run.State.APPLYING)
    found = {
        "row": row,
        "steps": row.steps.order_by("ordinal"),
        "calls": figures.calls(row),
        "samples": figures.samples(row),
        "refused": figures.refused_in(row),
        "running": running,
        "can_approve": row.state == Run.State.HELD and row.pk == newest,
    }
    if not wants_part(request):
        return show(request, "usher/syncs/run.html", **found)
    part = show_part(request, "usher/syncs/progress.html", **found)
    part.status_code = 200 if running else STOP_POLLING
    return part


@page
@require_POST
def approve(request: HttpRequest, pk: int, run: int) -> HttpResponse:
    """Let a held plan go ahead, with a reason; it is applied by a worker."""
    row = get_object_or_404(Run, pk=run, sync=pk)
    try:
        runs.approve(
            row, by=request.user.get_username(), because=request.POST.get("because", ""), now=clock.now()
        )
    except runs.SyncError as problem:
        messages.error(request, str(problem).capitalize() + ".", "bad")
        return redirect("run", pk, row.pk)
    resume_run.defer(run_id=row.pk)
    messages.success(
        request, _("Approved. A worker applies the plan now; this page shows how it goes."), "good"
    )
    return redirect("run", pk, row.pk)
