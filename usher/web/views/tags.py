"""Tags in their groups, and the groups themselves."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from usher.audiences.errors import AudienceError
from usher.audiences.models import TagGroup
from usher.definitions import groups, remove
from usher.lib import clock
from usher.web.figures import audiences as figures
from usher.web.page import page, show


@page
def tags(request: HttpRequest) -> HttpResponse:
    return show(request, "usher/audiences/tags.html", groups=figures.grouped(clock.now()))


@page
@require_POST
def group(request: HttpRequest) -> HttpResponse:
    """Make a group, or change what it says of itself."""
    name, description = request.POST.get("name", "").strip(), request.POST.get("description", "")
    there = TagGroup.objects.filter(name=name).first()
    try:
        if there:
            groups.edit(there, description=description)
        else:
            groups.make(name, description)
    except AudienceError as problem:
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
