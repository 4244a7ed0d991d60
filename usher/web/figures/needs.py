"""What needs a person: open incidents, held and failed syncs, refused evaluations, mail that hangs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usher.audiences.models import Evaluation
from usher.audiences.published import trouble
from usher.engage.models import Message
from usher.engage.models.messages import MessageState
from usher.seeds.models import Incident
from usher.syncs.models import Run
from usher.web.figures.sources import sheets
from usher.web.templatetags.usher import count


@dataclass(frozen=True)
class Need:
    state: str
    title: str
    detail: str
    address: str
    action: str


def needs(now: datetime) -> list[Need]:
    return [*_incidents(), *_evaluations(), *_runs(), *_mail(), *_tables()]


def _incidents() -> Iterator[Need]:
    found = Incident.objects.exclude(state=Incident.State.CLOSED)
    for incident in found.select_related("expectation__placement__path__plan")[:10]:
        plan = incident.expectation.placement.path.plan
        title = _("%(program)s · “%(mail)s” to a seed") % {
            "program": plan.program,
            "mail": incident.expectation.mail,
        }
        address = reverse("incident", args=[incident.pk])
        yield Need(incident.verdict, title, incident.detail, address, _("Look"))


def _evaluations() -> Iterator[Need]:
    last = trouble()
    if last and last.state in (Evaluation.State.REFUSED, Evaluation.State.FAILED):
        title = _("The last evaluation came to nothing; the last good result stays")
        yield Need(last.state, title, last.error, reverse("sources"), _("See sources"))


def _runs() -> Iterator[Need]:
    waiting = (Run.State.HELD, Run.State.FAILED, Run.State.REFUSED)
    for run in Run.objects.order_by("sync_id", "-id").distinct("sync_id").select_related("sync"):
        if run.state in waiting:
            address = reverse("run", args=[run.sync_id, run.pk])
            title = _titles(run)[run.state]
            yield Need(run.state, title, run.error, address, _("See plan"))


def _titles(run: Run) -> dict[str, str]:
    named = {"sync": run.sync.name, "count": count(run.removed)}
    return {
        Run.State.HELD: _("Sync “%(sync)s” would remove %(count)s people") % named,
        Run.State.FAILED: _("Sync “%(sync)s” stopped on the way") % named,
        Run.State.REFUSED: _("Sync “%(sync)s” was refused; nothing was sent") % named,
    }


def _mail() -> Iterator[Need]:
    deferred = Message.objects.filter(state=MessageState.QUEUED, attempts__gt=0)
    people = deferred.values("contact").distinct().count()
    answer = deferred.order_by("due_at", "id").first()
    if answer:
        title = ngettext("%(count)s person waits for mail", "%(count)s people wait for mail", people)
        detail = _("The relay deferred it (%(said)s). It is tried again at %(at)s; nobody gets it twice.")
        said = f"{answer.code or ''} {answer.reply}".strip()
        told = {"said": said, "at": date_format(localtime(answer.due_at), "H:i")}
        address = reverse("campaign", args=[answer.campaign_id])
        yield Need("waiting", title % {"count": count(people)}, detail % told, address, _("Look"))
    unknown = Message.objects.filter(state=MessageState.AMBIGUOUS)
    mails, example = unknown.count(), unknown.order_by("-id").first()
    if example:
        title = ngettext("%(count)s mail may have arrived", "%(count)s mails may have arrived", mails)
        detail = _("The relay took the text and its answer was lost. They are not sent again by themselves.")
        address = reverse("campaign", args=[example.campaign_id])
        yield Need("ambiguous", title % {"count": count(mails)}, detail, address, _("Look"))


def _tables() -> Iterator[Need]:
    for sheet in (sheet for found in sheets().values() for sheet in found if sheet.findings):
        titles = {
            "unreadable": _("Table “%(table)s” cannot be read"),
            "refused": _("Table “%(table)s” is refused"),
            "problems": _("Table “%(table)s” has rows that were left out"),
            "remarks": _("Table “%(table)s” was read, with remarks"),
        }
        title = titles[sheet.state] % {"table": sheet.table.name}
        detail = "; ".join(f"{count(finding.count)} × {finding.text}" for finding in sheet.findings)
        yield Need(sheet.state, title, detail, reverse("sources"), _("Look"))
