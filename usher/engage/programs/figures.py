"""The people of a program counted from rows, and everything that happened to one contact, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast

from django.db.models import Count, Q

from usher.engage.contacts.people import People
from usher.engage.models import (
    Click,
    Contact,
    ContactEvent,
    Enrolment,
    Message,
    Move,
    Open,
    Program,
    Suppression,
)
from usher.engage.models.messages import MessageState
from usher.engage.programs.graph import Decision, End, Graph, Node, Send, Wait, in_order, spoken
from usher.engage.programs.versions import current, graph_of


@dataclass(frozen=True, slots=True)
class Stop:
    """One node with its people; seeds are not counted."""

    key: str
    what: str
    #: Standing there now, and ever moved on from there.
    at: int
    through: int
    #: Of a send: mails by what became of them.
    mails: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgramFigures:
    name: str
    status: str
    #: The start's rule in English; empty when nobody is looked for.
    start: str
    enrolled: int
    inside: int
    stops: list[Stop]
    #: How people left: "came back", "unsubscribed" …
    outcomes: dict[str, int]


def of_program(program: Program) -> ProgramFigures:
    """The program's current steps with the people of all its versions."""
    people = Enrolment.objects.filter(program=program, contact__is_seed=False)
    outcomes = people.exclude(left_at=None).values_list("outcome").annotate(Count("id")).order_by("outcome")
    left = dict(outcomes)
    inside = people.filter(left_at=None).count()
    version = current(program)
    graph = graph_of(version) if version else None
    rule = graph.start.rule if graph else None
    return ProgramFigures(
        name=program.name,
        status=program.status,
        start=People.of(program.account).described(rule) if rule else "",
        enrolled=inside + sum(left.values()),
        inside=inside,
        stops=_stops(program, graph) if graph else [],
        outcomes=left,
    )


def _stops(program: Program, graph: Graph) -> list[Stop]:
    enrolled = Enrolment.objects.filter(program=program, contact__is_seed=False)
    at = dict(enrolled.filter(left_at=None).values_list("node").annotate(Count("id")))
    moves = Move.objects.filter(enrolment__program=program, enrolment__contact__is_seed=False)
    passed = moves.exclude(from_node="").exclude(why__startswith="exit: ")
    through = dict(passed.values_list("from_node").annotate(Count("id")))
    mails = _mails(program)
    return [
        Stop(key, said(graph.nodes[key]), at.get(key, 0), through.get(key, 0), mails.get(key, {}))
        for key in in_order(graph)
    ]


def _mails(program: Program) -> dict[str, dict[str, int]]:
    """Of each send: mails by what became of them."""
    sent = Q(state=MessageState.SENT)
    rows = Message.objects.filter(enrolment__program=program, contact__is_seed=False).values("node")
    counted = rows.annotate(
        queued=Count("id", filter=Q(state__in=[MessageState.QUEUED, MessageState.CLAIMED])),
        sent=Count("id", filter=sent),
        opened=Count("id", filter=Q(id__in=Open.objects.values("message"))),
        clicked=Count("id", filter=Q(id__in=Click.objects.values("message"))),
        bounced=Count("id", filter=Q(state=MessageState.BOUNCED)),
        failed=Count("id", filter=Q(state__in=[MessageState.FAILED, MessageState.AMBIGUOUS])),
        skipped=Count("id", filter=Q(state=MessageState.SKIPPED)),
    )
    return {
        row["node"]: {what: cast(int, count) for what, count in row.items() if what != "node"}
        for row in counted
    }


def said(node: Node) -> str:
    """A node in words."""
    match node:
        case Send(campaign=campaign):
            return f"send “{campaign}”"
        case Wait(length=length):
            return f"wait {spoken(length)}"
        case Decision(rule=rule):
            return f"if {rule}"
        case End(name=name):
            return f"end: {name}"


def as_dict(figures: ProgramFigures) -> dict[str, Any]:
    return asdict(figures)


def as_text(figures: ProgramFigures) -> str:
    """For a terminal."""
    lines = [
        f"{figures.name}  {figures.status}  {figures.inside:,} inside, {figures.enrolled:,} ever",
        *([f"  starts with {figures.start}"] if figures.start else []),
        "",
    ]
    for stop in figures.stops:
        mails = ", ".join(f"{count:,} {what}" for what, count in stop.mails.items() if count)
        line = f"  {stop.what:<60} {stop.at:>8,} there {stop.through:>8,} through   {mails}"
        lines.append(line.rstrip())
    lines += ["", *(f"  left: {name:<54} {count:>8,}" for name, count in figures.outcomes.items())]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Happening:
    at: datetime
    #: enrolment, move, mail, open, click, suppression or event
    kind: str
    what: str


def timeline(contact: Contact) -> list[Happening]:
    """Everything that happened to a contact, oldest first, each with its why."""
    parts = (_moves, _mails_to, _opens, _clicks, _suppressions, _told)
    return sorted((one for part in parts for one in part(contact)), key=lambda one: one.at)


def _moves(contact: Contact) -> Iterator[Happening]:
    moves = Move.objects.filter(enrolment__contact=contact).select_related(
        "enrolment__program", "enrolment__version"
    )
    for move in moves.order_by("id"):
        name = move.enrolment.program.name
        nodes = graph_of(move.enrolment.version).nodes
        if not move.from_node:
            yield Happening(move.at, "enrolment", f"entered “{name}” ({move.why.removeprefix('entered: ')})")
        elif not move.to_node:
            yield Happening(move.at, "enrolment", f"left “{name}”: {move.enrolment.outcome}")
        else:
            yield Happening(move.at, "move", f"“{name}”, {said(nodes[move.from_node])}: {move.why}")


def _mails_to(contact: Contact) -> Iterator[Happening]:
    for row in contact.messages.select_related("campaign", "letter").order_by("id"):
        why = row.reason or " ".join(part for part in (str(row.code or ""), row.reply) if part)
        at = row.sent_at or row.queued_at
        yield Happening(at, "mail", f"“{row.title}” {row.state}" + (f" ({why})" if why else ""))


def _opens(contact: Contact) -> Iterator[Happening]:
    for row in Open.objects.filter(message__contact=contact).select_related(
        "message__campaign", "message__letter"
    ):
        yield Happening(row.at, "open", f"opened “{row.message.title}”")


def _clicks(contact: Contact) -> Iterator[Happening]:
    for row in Click.objects.filter(message__contact=contact).select_related(
        "message__campaign", "message__letter", "link"
    ):
        yield Happening(row.at, "click", f"clicked in “{row.message.title}”: {row.link.url}")


def _suppressions(contact: Contact) -> Iterator[Happening]:
    rows = Suppression.objects.filter(account=contact.account_id, email_key=contact.email_key)
    for row in rows:
        yield Happening(row.at, "suppression", f"must not be mailed: {row.reason} ({row.source})")
        if row.lifted_at:
            yield Happening(row.lifted_at, "suppression", "may be mailed again")


def _told(contact: Contact) -> Iterator[Happening]:
    """What other systems tell, where they want it shown."""
    for row in ContactEvent.objects.filter(contact=contact).exclude(summary=""):
        yield Happening(row.at, "event", row.summary)
