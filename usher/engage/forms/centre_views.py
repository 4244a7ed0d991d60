"""The preference centre's page."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from usher.engage.content import tokens
from usher.engage.forms import answers
from usher.engage.forms.centre import Centre, behind, centre, change, come_back, leave
from usher.engage.forms.pages import shown
from usher.lib import clock

CENTRE = "preferences.html"


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preference_centre(request: HttpRequest, token: str) -> HttpResponse:
    """The token of a mail proves the person: there is no cookie and no log-in. Looking changes nothing."""
    numbers = tokens.read("preferences", token) or ()
    message = numbers[0] if len(numbers) == 1 else 0
    contact = behind(message)
    if contact is None:
        raise Http404
    found = centre(contact)
    if request.method != "POST":
        return _shown(request, found)
    now, act = clock.now(), request.POST.get("act")
    if act == "leave":
        leave(found, message, now)
    elif act == "return":
        come_back(found, now)
    elif act != "save":  # a body that was lost on its way says nothing of anybody's wishes
        return _shown(request, found)
    elif problems := change(found, request.POST, now):
        return _shown(request, found, problems=problems)
    contact.refresh_from_db()
    return _shown(request, centre(contact), done=act if act in ("leave", "return") else "saved")


def _shown(
    request: HttpRequest, found: Centre, *, problems: dict[str, str] | None = None, done: str = ""
) -> HttpResponse:
    problems = problems or {}
    asked = found.questions
    if problems:  # what was typed stays, to be mended
        asked = [answers.filled(one, request.POST) for one in asked]
    page = {
        "centre": found,
        "questions": [(one, problems.get(one.name, "")) for one in asked],
        "problems": problems,
        "done": done,
        "empty": not (found.lists or found.topics or found.questions),
    }
    return shown(request, CENTRE, page, status=422 if problems else 200)
