"""Put people into a tag or list by hand, and take them out: typed, by a file, or all of another audience."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from usher.audiences import assigning
from usher.audiences.assigning import Outcome, Who
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
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
    user = request.user.get_username()
    who = Who(user, clock.now(), "user")
    if way == "file":
        return _tried(request, row, Who(user, clock.now(), "import"), action)
    if way == "confirmed":
        token, name = request.POST.get("token", ""), request.POST.get("name", "")
        imported = Who(user, clock.now(), "import")
        return _told(request, row, byhand.by_file(row, token, name, imported, action, dry_run=False))
    if way == "audience":
        return _from_audience(request, row, who)
    return _told(request, row, byhand.typed(row, request.POST.get("who", ""), who, action))


def _tried(request: HttpRequest, row: Audience, who: Who, action: assigning.Action) -> HttpResponse:
    """A file is read and matched, and nothing is done."""
    file = request.FILES.get("file")
    if file is None:
        raise AudienceError(_("choose a file"))
    token, name = byhand.kept(file), file.name or "file"
    outcome = byhand.by_file(row, token, name, who, action, dry_run=True)
    return show(request, "usher/audiences/tried.html", row=row, outcome=outcome, token=token, name=name)


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
    left = outcome.unknown + outcome.ambiguous + outcome.bad
    said += [_("{number:,} mean no certain customer").format(number=left)] if left else []
    for place in outcome.places[:5]:
        said.append(f"{place.value}: {place.reason}")
    tone = "warn" if left else "good"
    when = _("The members change with the next evaluation.")
    messages.success(request, f"{', '.join(said[:4])}. {'; '.join(said[4:])} {when}".replace("  ", " "), tone)
    return redirect("audience_people", row.pk)
