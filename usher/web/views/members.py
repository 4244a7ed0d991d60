"""The members of an audience as a file, and why one person is in or out."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

from usher.audiences.english import in_english
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
from usher.lib import clock
from usher.sources.errors import SourceError
from usher.web.export import csv_file
from usher.web.figures import members
from usher.web.figures import why as reasons
from usher.web.page import Asked, page, show, show_part, wants_part
from usher.web.templatetags.usher import sentence


@page
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = get_object_or_404(Audience, pk=pk)
    try:
        header, rows = members.exported(row, request.GET.get("q", "").strip())
    except (AudienceError, SourceError) as problem:
        messages.error(request, sentence(str(problem)), "bad")
        return redirect("audience", row.pk)
    return csv_file(row.name, header, rows)


@page
def why(request: Asked, pk: int) -> HttpResponse:
    row = get_object_or_404(Audience, pk=pk)
    key = request.GET.get("key", "").strip()
    found = reasons.why(row, key, clock.now())
    if wants_part(request):
        return show_part(request, "usher/audiences/explained.html", row=row, why=found)
    said = in_english(row)
    return show(request, "usher/audiences/why.html", row=row, key=key, said=said, why=found)
