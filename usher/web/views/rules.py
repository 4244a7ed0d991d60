"""What a field for a rule asks while one types: is it right, what may come next, whom would it find."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from usher.audiences import preview as counting
from usher.audiences.errors import AudienceError
from usher.lib import clock
from usher.rules import RuleError
from usher.sources.errors import SourceError
from usher.web.figures import areas as areas_form
from usher.web.figures import rulefield, segments
from usher.web.page import page, show, show_part

#: Of a text that is counted nothing longer is looked at.
LONGEST = 200_000


@page
@require_POST
def check(request: HttpRequest) -> JsonResponse:
    found = rulefield.judged(_text(request), value=_value(request))
    slips = [
        {"message": slip.message, "start": slip.start, "end": slip.end, "fix": slip.fix and slip.fix.__dict__}
        for slip in found.slips
    ]
    return JsonResponse({"slips": slips, "english": found.english, "formatted": found.formatted})


@page
@require_POST
def complete(request: HttpRequest) -> JsonResponse:
    """What may stand at the place of writing."""
    return JsonResponse({"offers": rulefield.offers(_text(request), _number(request, "position"))})


@page
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """The number of customers, and a few of them; in words why there is none."""
    short = request.POST.get("short") == "true"
    template = "usher/rules/countedshort.html" if short else "usher/rules/counted.html"
    token = request.POST.get("token", "")[:64]
    try:
        found = counting.preview(_text(request), clock.now(), token=token, value=_value(request))
    except RuleError as problem:
        return show_part(request, template, trouble=problem.message)
    except (AudienceError, SourceError) as problem:
        return show_part(request, template, trouble=str(problem))
    return show_part(request, template, found=found, value=_value(request))


@page
@require_POST
def areas(request: HttpRequest) -> JsonResponse:
    """The rules that the areas of a form make: of the whole, and of each."""
    return JsonResponse(areas_form.counted(areas_form.posted(request.POST.dict())))


@page
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """The page of an editor was left: nobody waits for its count."""
    for token in request.POST.getlist("token"):
        counting.stop(token[:64])
        segments.stop(token[:40])
    return HttpResponse(status=204)


@page
def functions(request: HttpRequest) -> HttpResponse:
    """All that a rule can ask with."""
    return show(request, "usher/rules/functions.html", functions=rulefield.functions())


def _text(request: HttpRequest) -> str:
    return request.POST.get("text", "").replace("\r\n", "\n")[: LONGEST + 1]


def _value(request: HttpRequest) -> bool:
    """Whether an expression that gives a value is asked for, not a condition."""
    return request.POST.get("value") == "true"


def _number(request: HttpRequest, name: str) -> int:
    text: Any = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 8 else 0
