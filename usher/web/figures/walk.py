"""A program as it is drawn: its steps with the people at and through each, start, exits and seeds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usher.engage.models import Campaign, Message, Move, Program
from usher.engage.models.messages import MessageState
from usher.engage.programs.graph import BUILT_IN_EXITS, Graph, GraphError, Send, Start, parse
from usher.engage.programs.people import People
from usher.seeds.models import Expectation, Placement
from usher.web.figures.graph import Drawn, draw
from usher.web.figures.steps import Step, steps
from usher.web.templatetags.usher import count, lasting, scheduletext, share

Verdict = Expectation.Verdict


@dataclass(frozen=True)
class Mails:
    sent: int = 0
    waiting: int = 0
    clicked: int = 0


@dataclass(frozen=True)
class Traffic:
    """The people of one program, by step, by way and by outcome."""

    here: Mapping[str, int] = field(default_factory=dict)
    next_due: Mapping[str, datetime] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)
    ways: Mapping[tuple[str, str], int] = field(default_factory=dict)
    mails: Mapping[str, Mails] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """A step with its people, as the graph shows it."""

    step: Step
    here: int
    detail: str
    #: Where these people are listed, and what the step is about.
    people: str
    address: str = ""
    shares: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaving:
    name: str
    rule: str
    people: int


def drawn(program: Program, now: datetime) -> dict[str, Any]:
    """Everything the program's page shows: line, places, start, exits, seeds, numbers."""
    version = program.versions.order_by("-number").first()
    seen = traffic(program)
    numbers = {"inside": sum(seen.here.values()), "ever": sum(seen.here.values()) + sum(seen.gone.values())}
    if version is None:
        return numbers | {"version": None}
    older = program.enrolments.filter(left_at=None, contact__is_seed=False).exclude(version=version).count()
    found = numbers | {"version": version, "older": older, "seeds": seeds(program)}
    try:
        graph = parse(version.graph)
    except GraphError as error:
        return found | {"broken": error.problems}
    return found | _of(program, graph, seen, now)


def _of(program: Program, graph: Graph, seen: Traffic, now: datetime) -> dict[str, Any]:
    people = People.of(program.account)
    campaigns = dict(Campaign.objects.filter(account=program.account_id).values_list("name", "pk"))
    places = {key: _place(program, graph, step, seen, campaigns, now) for key, step in steps(graph).items()}
    return {
        "line": _placed(draw(steps(graph), graph.start.first), places),
        "start": start(graph.start, program, people),
        "exits": exits(graph, seen, people),
    }


def _placed(line: list[Drawn], places: Mapping[str, Place]) -> list[dict[str, Any]]:
    """The layout with each step's people in it."""
    return [
        {
            "place": places[one.step.key],
            "again": one.again,
            "joined": one.joined,
            "forks": [
                (label, places[one.step.key].shares.get(label, ""), _placed(branch, places))
                for label, branch in one.forks
            ],
        }
        for one in line
    ]


def traffic(program: Program) -> Traffic:
    people = program.enrolments.filter(contact__is_seed=False)
    inside = people.filter(left_at=None).values("node").annotate(people=Count("id"), due=Min("due_at"))
    gone = people.exclude(left_at=None).values_list("outcome").annotate(people=Count("id"))
    moves = Move.objects.filter(
        enrolment__program=program, enrolment__contact__is_seed=False, why__in=["yes", "no"]
    )
    return Traffic(
        here={row["node"]: row["people"] for row in inside},
        next_due={row["node"]: row["due"] for row in inside},
        gone=dict(gone),
        ways={
            (node, why): count
            for node, why, count in moves.values_list("from_node", "why").annotate(Count("id"))
        },
        mails=mails(program),
    )


def mails(program: Program) -> dict[str, Mails]:
    """What each send step has mailed."""
    rows = Message.objects.filter(enrolment__program=program, contact__is_seed=False).order_by()
    clicks = rows.filter(clicks__isnull=False).values_list("node").annotate(Count("id", distinct=True))
    clicked = dict(clicks)
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for node, state, count_ in rows.values_list("node", "state").annotate(Count("id")):
        states[node][state] = count_
    return {
        node: Mails(
            sent=found[MessageState.SENT],
            waiting=found[MessageState.QUEUED] + found[MessageState.CLAIMED],
            clicked=clicked.get(node, 0),
        )
        for node, found in states.items()
    }


def _place(
    program: Program, graph: Graph, step: Step, seen: Traffic, campaigns: Mapping[str, int], now: datetime
) -> Place:
    here = seen.here.get(step.key, 0)
    people = reverse("program_people", args=[program.pk])
    node = graph.nodes[step.key]
    address = ""
    shares: dict[str, str] = {}
    detail = ""
    if isinstance(node, Send):
        address = reverse("campaign", args=[campaigns[node.campaign]]) if node.campaign in campaigns else ""
        detail = _mailed(seen.mails.get(step.key, Mails()))
    elif step.kind == "wait" and here:
        detail = _next_leaves(seen.next_due[step.key], now)
    elif step.kind == "decision":
        whole = sum(seen.ways.get((step.key, why), 0) for why in ("yes", "no"))
        shares = {
            way.label: share(seen.ways.get((step.key, why), 0), whole)
            for way, why in zip(step.ways, ("yes", "no"), strict=True)
        }
        detail = _("looked at on arrival")
    elif step.kind == "end":
        here = seen.gone.get(getattr(node, "name", ""), 0)
        return Place(step, here, "", f"{people}?{urlencode({'left': getattr(node, 'name', '')})}")
    return Place(step, here, detail, f"{people}?{urlencode({'at': step.key})}", address, shares)


def _mailed(mails: Mails) -> str:
    parts = [
        _("%(sent)s sent · %(share)s clicked")
        % {"sent": count(mails.sent), "share": share(mails.clicked, mails.sent)}
    ]
    if mails.waiting:
        parts.append(_("%(count)s waiting for the relay") % {"count": count(mails.waiting)})
    return " · ".join(parts)


def _next_leaves(due: datetime, now: datetime) -> str:
    if due <= now:
        return _("the next moves on now")
    return _("the next moves on in %(time)s") % {"time": lasting(due - now)}


def start(found: Start, program: Program, people: People) -> dict[str, Any]:
    """When and whom the program enrols, in words."""
    limit = ""
    if found.once_in_days is not None:
        limit = (
            ngettext("once in %(days)d day", "once in %(days)d days", found.once_in_days)
            % {"days": found.once_in_days}
            if found.once_in_days
            else _("once ever")
        )
    last = program.checks.order_by("-slot").first()
    return {
        "when": scheduletext(found.schedule).capitalize() if found.schedule else _("When asked"),
        "who": people.described(found.rule) if found.rule else _("whoever a list or a request brings"),
        "limit": limit,
        "last": last.enrolled - last.seeds if last else None,
    }


def exits(graph: Graph, seen: Traffic, people: People) -> list[Leaving]:
    """The program's own exits, then the built-in ones by which somebody has left."""
    own = [Leaving(one.name, people.described(one.rule), seen.gone.get(one.name, 0)) for one in graph.exits]
    built_in = [Leaving(name, "", seen.gone[name]) for name in BUILT_IN_EXITS if name in seen.gone]
    return own + built_in


def seeds(program: Program) -> list[dict[str, Any]]:
    """The newest seed on each way through this program, and how much of its mail came."""
    newest = Placement.objects.filter(path__plan__program__iexact=program.name, path__removed_at=None)
    newest = newest.order_by("path_id", "-slot").distinct("path_id")
    rows = Placement.objects.filter(pk__in=newest.values("pk")).select_related("path")
    return [_seed(row) for row in rows.prefetch_related("expectations").order_by("path__position")]


def _seed(row: Placement) -> dict[str, Any]:
    due = [one for one in row.expectations.all() if one.must_arrive and one.verdict != Verdict.PENDING]
    arrived = sum(
        one.verdict in (Verdict.ON_TIME, Verdict.EARLY, Verdict.LATE, Verdict.DUPLICATE) for one in due
    )
    worst = next((one.verdict for one in due if one.verdict != Verdict.ON_TIME), None)
    state = worst or (Verdict.ON_TIME if due else Verdict.PENDING)
    return {"name": row.path.name, "slot": row.slot, "state": state, "arrived": arrived, "due": len(due)}
