"""Tags in their groups, and the groups themselves."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from usher.audiences import definitions
from usher.audiences.errors import AudienceError
from usher.audiences.models import TagGroup
from usher.definitions import remove
from usher.definitions.apply import apply_one
from usher.lib import clock
from usher.lib.changes import DefinitionError
from usher.web.figures import audiences as figures
from usher.web.page import page, show


@page
def tags(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/audiences/tags.html", groups=figures.grouped(clock.now()))


@page
@require_POST
def group(request: HttpRequest) -> HttpResponse:
    """Make a group, or change what it says of itself."""
    name = request.POST.get("name", "").strip()
    body = definitions.SECTIONS["tag_groups"].model_validate(
        {"description": request.POST.get("description", "")}
    )
    try:
        if not name:
            raise DefinitionError("tag group", name, "name", _("a group has a name"))
        by = request.user.get_username()
        apply_one("tag_groups", name, body, base_dir=settings.USHER_DATA_DIR, by=by, now=clock.now())
    except DefinitionError as problem:
        messages.error(request, str(problem), "bad")
    else:
        messages.success(request, _("The group “{name}” is saved.").format(name=name), "good")
    return redirect("tags")


@page
@require_POST
def drop_group(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete an empty group."""
    row = get_object_or_404(TagGroup, pk=pk)
    try:
        remove.remove_group(row)
    except AudienceError as problem:
        messages.error(request, str(problem), "bad")
    else:
        messages.success(request, _("The group “{name}” is deleted.").format(name=row.name), "good")
    return redirect("tags")
