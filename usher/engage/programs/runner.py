"""The tick: looks for people to enrol at the schedule's moments, and moves everybody who is due, in sets."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Min

from usher.engage.campaigns.named import sent_by_programs
from usher.engage.contacts.people import People
from usher.engage.models import Account, Enrolment, Message, Program, ProgramCheck, ProgramVersion
from usher.engage.models.messages import MessageState
from usher.engage.models.programs import ProgramStatus
from usher.engage.programs.enter import ENTERED, JUDGED, bound
from usher.engage.programs.step import BATCH, Place, step
from usher.engage.programs.versions import current, graph_of
from usher.lib import statistics
from usher.lib.schedule import following, latest
from usher.rules import RuleError

log = logging.getLogger(__name__)

#: A moment of a schedule that was missed (nobody ticked, the program was paused) is made up for this long.
CATCH_UP = timedelta(days=2)


@dataclass(slots=True)
class Ticked:
    """What a tick did, counted in enrolments."""

    enrolled: int = 0
    moved: int = 0
    queued: int = 0
    skipped: int = 0
    exits: Counter[str] = field(default_factory=Counter)
    #: What kept people where they are, in words; each names its program and node.
    problems: list[str] = field(default_factory=list)


def tick(now: datetime) -> Ticked:
    """Do all that is due at `now`. Doing it twice, or in two processes at once, is harmless."""
    done = Ticked()
    for program in _active():
        try:
            done.enrolled += check(program, now)
        except RuleError as error:
            _trouble(done, f"{program.name}, start: {error}")
    _move_all(now, done)
    statistics.refresh(done.queued, "engage_message")
    return done


def due(now: datetime) -> bool:
    """Whether a tick would have something to do."""
    moving = Enrolment.objects.filter(program__status=ProgramStatus.ACTIVE, left_at=None, due_at__lte=now)
    return moving.exists() or any(slot_due(program, now) for program in _active())


def next_due(after: datetime) -> datetime | None:
    """The first moment later than `after` at which somebody moves, is looked for, or is due mail."""
    inside = Enrolment.objects.filter(program__status=ProgramStatus.ACTIVE, left_at=None, due_at__gt=after)
    mails = Message.objects.filter(state=MessageState.QUEUED, due_at__gt=after)
    moments = [found.aggregate(first=Min("due_at"))["first"] for found in (inside, mails)]
    moments += [_next_slot(program, after) for program in _active()]
    return min((moment for moment in moments if moment), default=None)


def check(program: Program, now: datetime) -> int:
    """Enrol for the latest moment of the schedule, if that was not done yet; how many entered."""
    slot = slot_due(program, now)
    version = current(program)
    if slot is None or version is None:
        return 0
    graph = graph_of(version)
    people = People.of(program.account)
    answers = people.answers({"hit": graph.start.rule or "false"}, now)
    with transaction.atomic():
        row, is_first = ProgramCheck.objects.get_or_create(
            program=program, slot=slot, defaults={"checked_at": now, "enrolled": 0}
        )
        if not is_first:
            return 0
        values = bound(program, version, graph, "scheduled check", now)
        with connection.cursor() as cursor:
            cursor.execute(_FOUND.format(answers=answers), values)
            found = [contact for (contact,) in cursor.fetchall()]
            for part in range(0, len(found), BATCH):
                cursor.execute(_ENTER, values | {"contacts": found[part : part + BATCH]})
                enrolled, seeds = cursor.fetchone()
                row.enrolled += enrolled
                row.seeds += seeds
        row.save(update_fields=["enrolled", "seeds"])
    statistics.refresh(row.enrolled, "engage_enrolment", "engage_move")
    return row.enrolled


# Nobody is told of a scheduled check's refusals, so whoever was inside is left out at once: most of those who
# fit the rule today did so yesterday. Whoever is found is judged again where they enter.
_FOUND = """
with scope as (
    select id as contact_id from engage_contact where account_id = %(account)s
), {answers}
select id from answers
 where hit
   and not exists (select 1 from engage_enrolment before
                    where before.program_id = %(program)s and before.contact_id = answers.id
                      and (before.left_at is null or before.entered_at > %(since)s::timestamptz))
 order by id
"""
# As in a step, PostgreSQL plans well for an array, whose length it knows.
_ENTER = f"""
with wanted as (select unnest(%(contacts)s::bigint[]) as contact_id), {JUDGED}, {ENTERED}
select count(*), count(*) filter (where contact_id in (select contact_id from judged where is_seed))
  from entered
"""


def slot_due(program: Program, now: datetime) -> datetime | None:
    """The latest moment of the program's schedule that nobody has looked at yet."""
    version = current(program)
    if version is None or (line := graph_of(version).start.schedule) is None:
        return None
    last = program.checks.order_by("-slot").values_list("slot", flat=True).first()
    begin = max(last or program.created_at, now - CATCH_UP)
    if begin >= now:
        return None
    return latest(line, now, _zone(program.account), within=now - begin)


def _next_slot(program: Program, after: datetime) -> datetime | None:
    version = current(program)
    line = graph_of(version).start.schedule if version else None
    return following(line, after, _zone(program.account)) if line else None


def _zone(account: Account) -> ZoneInfo:
    return ZoneInfo(account.time_zone)


def _active() -> list[Program]:
    active = Program.objects.filter(status=ProgramStatus.ACTIVE)
    return list(active.select_related("account").order_by("pk"))


def _move_all(now: datetime, done: Ticked) -> None:
    """Round after round, until nobody is due, or nobody who is due can be moved."""
    stuck: set[tuple[int, str]] = set()
    while True:
        before = done.moved
        for place in _places(now):
            where = (place.version.pk, place.key)
            if where in stuck:
                continue
            try:
                _move(place, now, done)
            except (RuleError, LookupError) as error:
                stuck.add(where)
                _trouble(done, f"{place.program.name}, {place.key}: {error}")
        if done.moved == before:
            return


def _move(place: Place, now: datetime, done: Ticked) -> None:
    account = place.program.account
    people = People.of(account)
    campaigns = sent_by_programs(account)
    while True:
        moved = step(place, people, campaigns, now)
        done.moved += moved.moved
        done.queued += moved.queued
        done.skipped += moved.skipped
        done.exits += moved.exits
        if moved.moved < BATCH:
            return


def _places(now: datetime) -> Iterator[Place]:
    """The nodes at which somebody is due, of active programs."""
    waiting = Enrolment.objects.filter(program__status=ProgramStatus.ACTIVE, left_at=None, due_at__lte=now)
    found = list(waiting.values_list("version", "node").distinct().order_by("version", "node"))
    versions = ProgramVersion.objects.select_related("program__account").in_bulk(
        {version for version, _ in found}
    )
    for version, node in found:
        one = versions[version]
        yield Place(one.program, one, node, graph_of(one))


def _trouble(done: Ticked, problem: str) -> None:
    log.error("%s", problem)
    done.problems.append(problem)
