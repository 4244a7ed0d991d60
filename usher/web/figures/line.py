"""The line: source → audience → sync → program → mail → seeds, with tonight's numbers and a light each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from usher.audiences.models import Audience, Evaluation, Snapshot
from usher.audiences.published import last_done
from usher.engage.models import Enrolment, Message, Program, ProgramCheck
from usher.engage.models.messages import MessageState
from usher.engage.models.programs import ProgramStatus
from usher.seeds.models import Expectation, Incident
from usher.syncs.models import Run
from usher.web.figures.sources import sheets as source_sheets
from usher.web.templatetags.usher import before, count

#: "Tonight" is what happened in this time.
NIGHT = timedelta(hours=24)
#: Seeds are due some mail every few days only, so they are looked at for longer.
SEED_DAYS = timedelta(days=30)
Verdict = Expectation.Verdict


@dataclass(frozen=True)
class Stop:
    name: str
    address: str
    figure: str
    detail: str
    #: good, info, warn, bad; empty: nothing there yet.
    tone: str
    #: The tone in a word.
    state: str
    gained: int = 0
    lost: int = 0


def line(now: datetime) -> list[Stop]:
    return [_sources(now), _audiences(), _syncs(), _programs(now), _mail(now), _seeds(now)]


def _stop(
    name: str, address: str, figure: object, detail: str, light: tuple[str, str], *changes: int
) -> Stop:
    shown = figure if isinstance(figure, str) else count(figure)
    return Stop(name, reverse(address), shown, detail, *light, *changes)


def _sources(now: datetime) -> Stop:
    sheets = [sheet for found in source_sheets().values() for sheet in found]
    last = last_done()
    newest = last.data_as_of if last else None
    states = {sheet.state for sheet in sheets}
    lights = {
        "unreadable": ("bad", _("cannot be read")),
        "problems": ("warn", _("rows left out")),
        "remarks": ("warn", _("read, with remarks")),
        "unread": ("", _("not read yet")),
        "read": ("good", _("read")),
    }
    light = next((lights[state] for state in lights if state in states), ("", _("none yet")))
    detail = _("rows · newest %(age)s") % {"age": before(newest, now)} if newest else _("rows")
    return _stop(_("Sources"), "sources", sum(sheet.rows or 0 for sheet in sheets), detail, light)


def _audiences() -> Stop:
    last = Evaluation.objects.order_by("-id").first()
    shown = Snapshot.objects.filter(evaluation=last_done(), audience__isnull=False).aggregate(
        people=Sum("size", filter=Q(audience__kind=Audience.Kind.CUSTOMER_LIST)),
        gained=Sum("gained"),
        lost=Sum("lost"),
    )
    lights = {
        None: ("", _("none yet")),
        "running": ("info", _("running")),
        "done": ("good", _("evaluated")),
        "refused": ("bad", _("refused")),
        "failed": ("bad", _("failed")),
    }
    light = lights[last.state if last else None]
    changes = (shown["gained"] or 0, shown["lost"] or 0)
    return _stop(_("Audiences"), "audiences", shown["people"] or 0, _("on lists"), light, *changes)


def _syncs() -> Stop:
    runs = list(Run.objects.order_by("sync_id", "-id").distinct("sync_id"))
    sent = sum(run.added + run.updated + run.removed for run in runs if run.state == Run.State.DONE)
    calls = sum(run.calls for run in runs if run.state == Run.State.DONE)
    states = {run.state for run in runs}
    if not runs:
        light = ("", _("none yet"))
    elif states & {Run.State.FAILED, Run.State.REFUSED}:
        light = ("bad", _("stopped"))
    elif Run.State.HELD in states:
        light = ("warn", _("held"))
    else:
        light = ("good", _("in step")) if states == {Run.State.DONE} else ("info", _("running"))
    return _stop(
        _("Syncs"), "syncs", sent, _("changes sent · %(calls)s calls") % {"calls": count(calls)}, light
    )


def _programs(now: datetime) -> Stop:
    inside = Enrolment.objects.filter(left_at=None, contact__is_seed=False).count()
    checks = ProgramCheck.objects.filter(checked_at__gt=now - NIGHT).aggregate(
        people=Sum(F("enrolled") - F("seeds"))
    )
    statuses = set(Program.objects.values_list("status", flat=True))
    if not statuses:
        light = ("", _("none yet"))
    elif ProgramStatus.ACTIVE in statuses:
        light = ("good", _("active"))
    else:
        light = ("warn", _("paused"))
    entered = _("inside · %(count)s entered") % {"count": count(checks["people"] or 0)}
    return _stop(_("Programs"), "programs", inside, entered, light)


def _mail(now: datetime) -> Stop:
    tonight = Message.objects.filter(
        sent_at__gt=now - NIGHT, state=MessageState.SENT, contact__is_seed=False
    ).count()
    open_ones = Message.objects.filter(
        state__in=[MessageState.QUEUED, MessageState.CLAIMED, MessageState.AMBIGUOUS]
    )
    found = open_ones.aggregate(
        waiting=Count("id", filter=Q(state=MessageState.QUEUED, attempts__gt=0)),
        ambiguous=Count("id", filter=Q(state=MessageState.AMBIGUOUS)),
        queued=Count("id", filter=~Q(state=MessageState.AMBIGUOUS)),
    )
    detail = _("sent · %(count)s waiting") % {"count": count(found["queued"])}
    if found["waiting"]:
        light = ("warn", _("deferred"))
    elif found["ambiguous"]:
        light = ("warn", _("ambiguous"))
    else:
        light = ("good", _("flowing")) if tonight else ("", _("quiet"))
    return _stop(_("Mail"), "campaigns", tonight, detail, light)


def _seeds(now: datetime) -> Stop:
    due = Expectation.objects.filter(must_arrive=True, due_at__range=(now - SEED_DAYS, now))
    found = due.aggregate(
        all=Count("id", filter=~Q(verdict=Verdict.PENDING)),
        arrived=Count("id", filter=Q(verdict__in=[Verdict.ON_TIME, Verdict.EARLY, Verdict.LATE])),
    )
    troubled = Incident.objects.exclude(state=Incident.State.CLOSED).count()
    figure = _("%(arrived)s of %(all)s") % {"arrived": count(found["arrived"]), "all": count(found["all"])}
    if troubled:
        light = ("bad", _("%(count)s open") % {"count": count(troubled)})
    else:
        light = ("good", _("all well")) if found["all"] else ("", _("none due"))
    return _stop(_("Seeds"), "seeds", figure, _("arrived in 30 days"), light)
