"""The sign-up form, and the page behind the link of the mail that asks to confirm."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from usher.engage import audit
from usher.engage.contacts import confirm
from usher.engage.contacts.consent import Evidence
from usher.engage.content import tokens
from usher.engage.deadlocks import done_again
from usher.engage.forms import answers, visitors
from usher.engage.forms.answers import Answers
from usher.engage.forms.edit import address_of
from usher.engage.forms.pages import led_on, shown
from usher.engage.forms.sign_up import sign_up
from usher.engage.models import Confirmation, Form
from usher.lib import clock

FORM, CONFIRM = "form.html", "confirm.html"
TOO_MANY = "Too many people have signed up from your network just now. Please try again in ten minutes."


# There is no log-in and no cookie that a foreign page could use: so no CSRF token either.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest, slug: str) -> HttpResponse:
    """The form of a list; a POST signs up, and is answered alike for everybody."""
    found = Form.objects.select_related("account", "list").filter(slug=slug).first()
    if found is None:
        raise Http404
    if not found.enabled:
        return shown(request, FORM, {"form": found, "closed": True}, status=410)
    if request.method != "POST":
        return _asked(request, found, Answers())
    now = clock.now()
    if not visitors.may_post(request, now):
        return _asked(request, found, Answers(problems={"": TOO_MANY}), 429)
    said = answers.read(found, request.POST)
    if said.problems:
        return _asked(request, found, said, 422)
    if not request.POST.get(answers.TRAP):
        evidence = _evidence(request, found)
        done_again(lambda: sign_up(found, said, evidence, now))
    if found.return_url:
        return led_on(found.return_url)
    return shown(request, FORM, {"form": found, "done": True})


def _evidence(request: HttpRequest, found: Form) -> Evidence:
    return Evidence(
        text=found.consent_text,
        given_at=clock.now(),
        url=address_of(found),
        ip=visitors.address(request) or "",
        user_agent=visitors.user_agent(request),
    )


def _asked(request: HttpRequest, found: Form, said: Answers, status: int = 200) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    questions = answers.questions(found, posted)
    page = {
        "form": found,
        "email": request.POST.get(answers.EMAIL, ""),
        "questions": [(one, said.problems.get(one.name, "")) for one in questions],
        "topics": [(one, f"topic_{one.pk}" in request.POST) for one in answers.topics(found)],
        # a tick that stands there already is no consent: not even after a mistake elsewhere
        "problems": said.problems,
        "email_problem": said.problems.get(answers.EMAIL, ""),
        "consent_problem": said.problems.get(answers.CONSENT, ""),
    }
    return shown(request, FORM, page, status=status, leads_to=found.return_url, indexed=True)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirmation(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing, because scanners follow links; the page's button says yes."""
    numbers = tokens.read("confirm", token)
    rows = Confirmation.objects.select_related("contact__account", "list")
    asked = rows.filter(pk=numbers[0]).first() if numbers and len(numbers) == 1 else None
    if asked is None:
        raise Http404
    now = clock.now()
    page = {"asked": asked, "sender": asked.contact.account.from_name or asked.contact.account.name}
    if request.method == "POST":
        with audit.signed(asked.contact.account, "confirmation by mail", now):
            ip, agent = visitors.address(request), visitors.user_agent(request)
            done = confirm.accept(asked, now, ip, agent)
        if not done:
            return shown(request, CONFIRM, page | {"late": True}, status=410)
        return (
            led_on(asked.return_url) if asked.return_url else shown(request, CONFIRM, page | {"done": True})
        )
    if asked.confirmed_at is None and now - asked.asked_at > confirm.LASTS:
        return shown(request, CONFIRM, page | {"late": True}, status=410)
    done = asked.confirmed_at is not None
    return shown(request, CONFIRM, page | {"done": done}, leads_to=asked.return_url)
