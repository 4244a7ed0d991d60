"""Put people into a tag or list by hand, and take them out: typed, by a file, or all of another audience."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from usher.audiences import assigning
from usher.audiences.assigning import Outcome, Who
from usher.audiences.errors import AudienceError, NotConfirmedError
from usher.audiences.models import Audience
from usher.audiences.sheets import ColumnError
from usher.audiences.tagging import BY_HAND
from usher.lib import clock
from usher.sources.errors import SourceError
from usher.web.figures import audiences as figures
from usher.web.figures import byhand
from usher.web.page import page, show

TEMPLATE = "usher/audiences/people.html"


@page
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """The three ways; what a file or an audience would do is shown before it is done."""
    row = get_object_or_404(Audience, pk=pk)
    if row.kind not in BY_HAND:
        raise Http404
    trouble = ""
    if request.method == "POST":
        try:
            return _done(request, row)
        except (AudienceError, SourceError) as problem:
            trouble = str(problem)
    found = {
        "row": row,
        "others": byhand.others(row),
        "size": row.assignments.filter(removed_at=None).count(),
    }
    return show(request, TEMPLATE, trouble=trouble, typed=request.POST.get("who", ""), **found)


def _done(request: HttpRequest, row: Audience) -> HttpResponse:
    way, action = request.POST.get("way", ""), byhand.action_of(request.POST.get("action", ""))
    by, now = request.user.get_username(), clock.now()
    match way:
        case "file":
            return _tried(request, row, _uploaded(request), Who(by, now, "import"), action)
        case "column":
            return _tried(request, row, _chosen(request), Who(by, now, "import"), action)
        case "confirmed":
            done = byhand.by_file(row, _chosen(request), Who(by, now, "import"), action, dry_run=False)
            return _told(request, row, done)
        case "audience":
            return _from_audience(request, row, Who(by, now, "user"))
        case _:
            return _typed(request, row, Who(by, now, "user"), action)


def _typed(request: HttpRequest, row: Audience, who: Who, action: assigning.Action) -> HttpResponse:
    """Done at once, but for what would take most or all members out: that is asked first."""
    text, sure = request.POST.get("who", ""), request.POST.get("sure") == "yes"
    try:
        return _told(request, row, byhand.typed(row, text, who, action, confirmed=sure))
    except NotConfirmedError:
        outcome = byhand.typed(row, text, who, action, dry_run=True)
        return show(request, "usher/audiences/sure.html", row=row, outcome=outcome, typed=text)


def _uploaded(request: HttpRequest) -> byhand.File:
    file = request.FILES.get("file")
    if file is None:
        raise AudienceError(_("choose a file"))
    return byhand.File(byhand.kept(file), file.name or "file")


def _chosen(request: HttpRequest) -> byhand.File:
    given = request.POST
    match = byhand.match_of(given.get("match", ""))
    return byhand.File(given.get("token", ""), given.get("name", ""), given.get("column", ""), match)


def _tried(
    request: HttpRequest, row: Audience, file: byhand.File, who: Who, action: assigning.Action
) -> HttpResponse:
    """A file is read and matched, and nothing is done; where no column is recognised, one is asked for."""
    columns, outcome, trouble = byhand.columns(file), None, ""
    try:
        outcome = byhand.by_file(row, file, who, action, dry_run=True)
    except ColumnError as problem:
        trouble = str(problem)
    found = {"columns": columns, "outcome": outcome, "trouble": trouble}
    return show(request, "usher/audiences/tried.html", row=row, file=file, action=action, **found)


def _from_audience(request: HttpRequest, row: Audience, who: Who) -> HttpResponse:
    other = get_object_or_404(Audience, pk=request.POST.get("other") or 0)
    if request.POST.get("sure") != "yes":
        snapshot = figures.snapshot_of(other)
        return show(request, "usher/audiences/fromother.html", row=row, other=other, snapshot=snapshot)
    return _told(request, row, assigning.assign_members(row, other, who))


def _told(request: HttpRequest, row: Audience, outcome: Outcome) -> HttpResponse:
    """Say what came of it."""
    said = [_("{number:,} put in").format(number=outcome.added)] if outcome.action != "remove" else []
    said += [_("{number:,} taken out").format(number=outcome.removed)] if outcome.action != "add" else []
    said += [_("{number:,} were so already").format(number=outcome.same)] if outcome.same else []
    said += [_("{number:,} named once more").format(number=outcome.doubled)] if outcome.doubled else []
    left = outcome.unknown + outcome.ambiguous + outcome.bad
    said += [_("{number:,} mean no certain customer").format(number=left)] if left else []
    places = [f"{place.value}: {place.reason}" for place in outcome.places[:5]]
    tone = "warn" if left else "good"
    when = _("The members change with the next evaluation.")
    told = [f"{', '.join(said)}.", f"{'; '.join(places)}." if places else "", when]
    messages.success(request, " ".join(filter(None, told)), tone)
    return redirect("audience_people", row.pk)
