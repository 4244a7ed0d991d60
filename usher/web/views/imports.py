"""Imports: a file is uploaded, its columns are said to be something, and what came of it is told."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from usher.engage.errors import EngageError
from usher.engage.models import Account, ContactList, Import
from usher.engage.models.imports import ImportState, MergeOption
from usher.lib import clock
from usher.web import uploads
from usher.web.account import account, signed
from usher.web.export import csv_file
from usher.web.figures import imports as figures
from usher.web.figures import sheets
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.paging import stretch_of
from usher.web.uploads import UploadError


@page
def imports(request: HttpRequest) -> HttpResponse:
    rows = stretch_of(request, figures.imports(account()), "-created_at", "-pk")
    shown = [(row, figures.left_out(row)) for row in rows.rows]
    return show(request, "usher/imports/list.html", rows=rows, shown=shown)


@page
def new(request: HttpRequest) -> HttpResponse:
    """Choose a file; then say what its columns are."""
    of, trouble = account(), ""
    if request.method == "POST":
        try:
            return _asked(request, of) if "token" in request.POST else _uploaded(request, of)
        except UploadError as problem:
            trouble = str(problem)
    chosen = request.GET.get("list", "")
    return show(request, "usher/imports/new.html", trouble=trouble, lists=figures.lists(of), chosen=chosen)


def _uploaded(request: HttpRequest, of: Account) -> HttpResponse:
    file = request.FILES.get("file")
    if file is None:
        raise UploadError(_("choose a file"))
    token = uploads.keep(file, figures.LARGEST)
    return _columns(request, of, token, file.name or "file", "")


def _columns(request: HttpRequest, of: Account, token: str, name: str, trouble: str) -> HttpResponse:
    """The columns of a kept file, each with what it is for as chosen, or as it seems to be."""
    found = sheets.columns(of, token)
    chosen = [request.POST.get(f"column-{one.place}", one.target) for one in found]
    return show(
        request,
        "usher/imports/columns.html",
        columns=list(zip(found, chosen, strict=True)),
        targets=sheets.targets(of),
        file={"token": token, "name": name},
        said=request.POST,
        trouble=trouble,
    )


def _asked(request: HttpRequest, of: Account) -> HttpResponse:
    """Begin the import, or say what is still wrong with its columns."""
    token, name = request.POST["token"], request.POST.get("name", "")
    known, now = sheets.known(of), clock.now()
    chosen = {
        int(field.removeprefix("column-")): target
        for field, target in request.POST.items()
        if field.startswith("column-") and field[7:].isdecimal() and target in known
    }
    try:
        content = sheets.mapped(token, chosen)
        with signed(request, of, now):
            begun = figures.begin(of, name, content, now, _joins(request, of), _merge(request))
    except (UploadError, EngageError) as problem:
        trouble = problem.message if isinstance(problem, EngageError) else str(problem)
        return _columns(request, of, token, name, trouble)
    uploads.path_of(token).unlink(missing_ok=True)
    messages.success(request, _("The import has begun."), "good")
    return redirect("contact_import", begun.pk)


def _joins(request: HttpRequest, of: Account) -> list[ContactList]:
    said = request.POST.get("list", "")
    return list(figures.lists(of).filter(pk=said)) if said.isdecimal() and len(said) < 19 else []


def _merge(request: HttpRequest) -> MergeOption:
    said = request.POST.get("merge", "")
    return MergeOption(said) if said in MergeOption.values else MergeOption.OVERWRITE


@page
def one(request: Asked, pk: UUID) -> HttpResponse:
    """What became of an import; asked again every two seconds while it runs."""
    row = _row(pk)
    rows = stretch_of(request, figures.faults(row), "row", "pk")
    found = {
        "row": row,
        "running": row.state == ImportState.NOT_FINISHED,
        "before": figures.waits_for(row),
        "told": figures.told(row),
        "total": figures.rows(row),
        "lists": ContactList.objects.filter(pk__in=row.list_ids),
        "rows": rows,
        "shown": [(fault, figures.value_at_fault(row, fault)) for fault in rows.rows],
    }
    if wants_part(request):
        return show_part(request, "usher/imports/report.html", **found)
    return show(request, "usher/imports/one.html", **found)


@page
def faults(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    row = _row(pk)
    header = [_("Line"), _("Reason"), *row.headings]
    return csv_file(f"{row.file_name} faults", header, figures.exported(row))


def _row(pk: UUID) -> Import:
    return get_object_or_404(Import.objects.defer("content", "results"), pk=pk, account=account())
