"""What ran in the last 24 hours: evaluations, syncs, enrolments and mail, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from django.db.models import Count, Max, Min, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from usher.audiences.models import Evaluation
from usher.audiences.published import last_done
from usher.engage.models import Message, ProgramCheck
from usher.engage.models.messages import MessageState
from usher.syncs.models import Run
from usher.web.figures.line import NIGHT
from usher.web.templatetags.usher import count, lasting

MOST = 14


@dataclass(frozen=True)
class Ran:
    at: datetime
    what: str
    state: str
    address: str


def tonight(now: datetime) -> list[Ran]:
    since = now - NIGHT
    found = chain(_evaluations(since), _runs(since), _checks(since), _mails(since))
    return sorted(found, key=lambda ran: ran.at, reverse=True)[:MOST]


def hello(now: datetime) -> str:
    """Good morning, afternoon or evening, by the organisation's clock."""
    hour = timezone.localtime(now).hour
    return _("Good morning") if hour < 12 else _("Good afternoon") if hour < 18 else _("Good evening")


@dataclass(frozen=True)
class Stood:
    """How far the data have come: newest row, evaluated, at the platform."""

    data: datetime | None
    evaluated: datetime | None
    synced: datetime | None


def stood() -> Stood:
    last = last_done()
    synced = Run.objects.filter(state=Run.State.DONE).aggregate(at=Max("finished_at"))["at"]
    return Stood(last.data_as_of if last else None, last.now if last else None, synced)


def _evaluations(since: datetime) -> Iterator[Ran]:
    rows = Evaluation.objects.filter(started_at__gt=since).annotate(
        audiences=Count("snapshots", filter=Q(snapshots__audience__isnull=False))
    )
    for row in rows[:MOST]:
        told = {"count": count(row.audiences), "time": lasting(row.seconds)}
        what = (
            _("%(count)s audiences evaluated in %(time)s") % told if row.seconds else _("Audiences evaluated")
        )
        yield Ran(row.started_at, what, row.state, reverse("audiences"))


def _runs(since: datetime) -> Iterator[Ran]:
    for run in Run.objects.filter(started_at__gt=since).select_related("sync__destination")[:MOST]:
        what = _("%(sync)s → %(place)s") % {"sync": run.sync.name, "place": run.sync.destination.name}
        yield Ran(run.started_at, what, run.state, reverse("run", args=[run.sync_id, run.pk]))


def _checks(since: datetime) -> Iterator[Ran]:
    for check in ProgramCheck.objects.filter(checked_at__gt=since).select_related("program")[:MOST]:
        told = {"program": check.program.name, "count": count(check.enrolled - check.seeds)}
        what = _("%(program)s enrolled %(count)s") % told
        yield Ran(check.checked_at, what, "done", reverse("program", args=[check.program_id]))


def _mails(since: datetime) -> Iterator[Ran]:
    people = Message.objects.filter(contact__is_seed=False)
    sent = people.filter(state=MessageState.SENT, sent_at__gt=since).values("campaign", "campaign__name")
    for row in sent.annotate(people=Count("id"), at=Min("sent_at")).order_by("-at")[:MOST]:
        what = _("“%(mail)s” to %(count)s people") % {
            "mail": row["campaign__name"],
            "count": count(row["people"]),
        }
        yield Ran(row["at"], what, "sent", reverse("campaign", args=[row["campaign"]]))
    waiting = people.filter(state=MessageState.QUEUED).values("campaign", "campaign__name")
    for row in waiting.annotate(people=Count("id"), at=Min("queued_at")).order_by("-at")[:MOST]:
        what = _("“%(mail)s” to %(count)s people") % {
            "mail": row["campaign__name"],
            "count": count(row["people"]),
        }
        yield Ran(row["at"], what, "waiting", reverse("campaign", args=[row["campaign"]]))
