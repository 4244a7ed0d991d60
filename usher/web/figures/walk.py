"""A program as it is drawn: its steps with the people at and through each, start, exits and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usher.engage.contacts.people import People
from usher.engage.models import Campaign, Move, Program
from usher.engage.programs import figures
from usher.engage.programs.figures import ProgramFigures, Stop
from usher.engage.programs.graph import BUILT_IN_EXITS, End, Graph, GraphError, Node, Send, Start, parse
from usher.engage.programs.versions import current
from usher.web.figures.graph import Drawn, draw
from usher.web.figures.steps import Step, steps
from usher.web.templatetags.usher import count, lasting, scheduletext, share


@dataclass(frozen=True)
class Traffic:
    """The people of one program, and what the engine's figures leave open: the next to go, yes and no."""

    figures: ProgramFigures
    stops: Mapping[str, Stop]
    next_due: Mapping[str, datetime]
    answers: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Place:
    """A step with its people, as the graph shows it; at an end `here` are those who left by it."""

    step: Step
    here: int
    detail: str
    #: Where these people are listed, and what the step is about.
    people: str
    address: str = ""
    #: Of a decision: label -> how many of those looked at.
    shares: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Leaving:
    name: str
    rule: str
    people: int


def drawn(program: Program, now: datetime) -> dict[str, Any]:
    """Everything the program's page shows of its newest version: line, start, exits, numbers."""
    version = current(program)
    if version is None:
        return {"version": None, "inside": 0, "ever": 0}
    try:
        graph = parse(version.graph)
    except GraphError as error:
        return {"version": version, "inside": 0, "ever": 0, "broken": error.problems}
    seen = traffic(program)
    older = program.enrolments.filter(left_at=None, contact__is_seed=False).exclude(version=version)
    people = People.of(program.account)
    return {
        "version": version,
        "inside": seen.figures.inside,
        "ever": seen.figures.enrolled,
        "older": older.count() if version.number > 1 else 0,
        "line": _placed(draw(steps(graph), graph.start.first), _places(program, graph, seen, now)),
        "start": start(graph.start, program, people),
        "exits": exits(graph, seen.figures.outcomes, people),
    }


def traffic(program: Program) -> Traffic:
    found = figures.of_program(program)
    inside = program.enrolments.filter(left_at=None, contact__is_seed=False)
    moves = Move.objects.filter(enrolment__program=program, enrolment__contact__is_seed=False)
    answered = moves.filter(why__in=["yes", "no"]).values_list("from_node", "why").annotate(Count("id"))
    return Traffic(
        found,
        {stop.key: stop for stop in found.stops},
        dict(inside.values_list("node").annotate(Min("due_at"))),
        {(node, why): people for node, why, people in answered},
    )


def _placed(line: list[Drawn], places: Mapping[str, Place]) -> list[dict[str, Any]]:
    """The layout with each step's people in it."""
    found = []
    for one in line:
        place = places[one.step.key]
        forks = [
            (label, (place.shares or {}).get(label, ""), _placed(branch, places))
            for label, branch in one.forks
        ]
        found.append({"place": place, "again": one.again, "joined": one.joined, "forks": forks})
    return found


def _places(program: Program, graph: Graph, seen: Traffic, now: datetime) -> dict[str, Place]:
    campaigns = dict(Campaign.objects.filter(account=program.account_id).values_list("name", "pk"))
    people = reverse("program_people", args=[program.pk])
    return {
        key: _place(step, graph.nodes[key], people, seen, campaigns, now)
        for key, step in steps(graph).items()
    }


def _place(
    step: Step, node: Node, people: str, seen: Traffic, campaigns: Mapping[str, int], now: datetime
) -> Place:
    if isinstance(node, End):
        gone = seen.figures.outcomes.get(node.name, 0)
        return Place(step, gone, "", f"{people}?{urlencode({'left': node.name})}")
    stop, at = seen.stops[step.key], f"{people}?{urlencode({'at': step.key})}"
    if isinstance(node, Send):
        pk = campaigns.get(node.campaign)
        return Place(step, stop.at, _mailed(stop.mails), at, reverse("campaign", args=[pk]) if pk else "")
    passed = _("%(count)s through") % {"count": count(stop.through)}
    if step.kind == "decision":
        return Place(step, stop.at, passed, at, shares=_shares(step, seen))
    due = seen.next_due.get(step.key)
    return Place(step, stop.at, f"{passed} · {_next_leaves(due, now)}" if due else passed, at)


def _shares(step: Step, seen: Traffic) -> dict[str, str]:
    numbers = [seen.answers.get((step.key, why), 0) for why in ("yes", "no")]
    return {way.label: share(number, sum(numbers)) for way, number in zip(step.ways, numbers, strict=True)}


def _mailed(mails: Mapping[str, int]) -> str:
    sent = mails.get("sent", 0)
    told = {"sent": count(sent), "share": share(mails.get("clicked", 0), sent)}
    parts = [_("%(sent)s sent · %(share)s clicked") % told]
    if mails.get("queued"):
        parts.append(_("%(count)s waiting for the relay") % {"count": count(mails["queued"])})
    return " · ".join(parts)


def _next_leaves(due: datetime, now: datetime) -> str:
    if due <= now:
        return _("the next moves on now")
    return _("the next moves on in %(time)s") % {"time": lasting(due - now)}


def start(found: Start, program: Program, people: People) -> dict[str, Any]:
    """When and whom the program enrols, in words."""
    last = program.checks.order_by("-slot").first()
    return {
        "when": scheduletext(found.schedule).capitalize() if found.schedule else _("When asked"),
        "who": people.described(found.rule) if found.rule else _("Whoever a list or a request brings."),
        "limit": _limit(found.once_in_days),
        "last": last.enrolled - last.seeds if last else None,
    }


def _limit(days: int | None) -> str:
    if days is None:
        return ""
    if days == 0:
        return _("At most once ever.")
    return ngettext("At most once in %(days)d day.", "At most once in %(days)d days.", days) % {"days": days}


def exits(graph: Graph, gone: Mapping[str, int], people: People) -> list[Leaving]:
    """The program's own exits, then the built-in ones by which somebody has left."""
    own = [Leaving(one.name, people.described(one.rule), gone.get(one.name, 0)) for one in graph.exits]
    return own + [Leaving(name, "", gone[name]) for name in BUILT_IN_EXITS if name in gone]
