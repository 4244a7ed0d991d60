"""Place fresh seeds when their day has come: the intent is a row first, then the destination is called."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from usher.lib.http import OutsideError
from usher.seeds import slots
from usher.seeds.models import Expectation, Placement, SeedPath, SeedPlan
from usher.seeds.reach import Reach

log = logging.getLogger(__name__)

#: How long until a destination that could not be reached is called again.
RETRY = timedelta(minutes=5)
#: A mailbox name may be so long (RFC 5321).
LOCAL_PART = 64


def place(now: datetime) -> int:
    """Place the seeds whose slot has come and those left over from a crash; how many were placed.

    A slot missed altogether is not made up for: only the latest one of each plan is looked at.
    """
    fresh = [placement.pk for plan in SeedPlan.objects.all() for placement in _intend(plan, now)]
    due = Placement.objects.filter(state=Placement.State.INTENDED, next_try_at__lte=now)
    placements = list(due.select_related("path__plan__destination").order_by("pk"))
    with Reach() as reach:
        for placement in placements:
            _place(placement, reach, now, in_doubt=placement.pk not in fresh)
    return sum(placement.state == Placement.State.PLACED for placement in placements)


def unplaced(plan: SeedPlan, now: datetime) -> tuple[datetime | None, list[SeedPath]]:
    """The plan's latest slot, and the paths that have no seed for it."""
    slot = slots.latest(plan.starts, plan.every_days, plan.at, now, zone())
    if slot is None:
        return None, []
    # a plan whose hours were changed does not place a second seed on the same day
    midnight = slot.astimezone(zone()).replace(hour=0, minute=0)
    paths = plan.paths.filter(removed_at=None).exclude(placements__slot__gte=midnight)
    return slot, list(paths.select_related("plan"))


def zone() -> ZoneInfo:
    """The organisation's time zone."""
    return ZoneInfo(settings.TIME_ZONE)


def _intend(plan: SeedPlan, now: datetime) -> list[Placement]:
    """Rows for the seeds that are due; an older slot's seed that never got there is given up."""
    slot, paths = unplaced(plan, now)
    if slot is None or not paths:
        return []
    with transaction.atomic():
        Placement.objects.filter(
            path__plan=plan, slot__lt=slot, state=Placement.State.INTENDED
        ).update(state=Placement.State.FAILED, next_try_at=None)  # fmt: skip
        made = []
        for path in paths:
            placement, created = Placement.objects.get_or_create(
                path=path,
                slot=slot,
                defaults={"address": address(path, slot), "tried_at": now, "next_try_at": now},
            )
            if created:
                expect(placement)
                made.append(placement)
    return made


def _place(placement: Placement, reach: Reach, now: datetime, in_doubt: bool) -> None:
    """Call the destination for one seed; one that an earlier call may have put there is looked for first."""
    plan = placement.path.plan
    try:
        found = reach.find(plan, placement.address) if in_doubt else None
        if found is None and placement.tried_at != now:
            placement.tried_at = now
            placement.save(update_fields=["tried_at"])
            expect(placement)
        contact_id = found or reach.add(plan, placement.address)
    except OutsideError as problem:
        _postpone(placement, problem, now)
    else:
        placement.state, placement.next_try_at, placement.error = Placement.State.PLACED, None, ""
        placement.contact_id, placement.placed_at = contact_id, placement.tried_at
        placement.save()


def _postpone(placement: Placement, problem: OutsideError, now: datetime) -> None:
    log.warning("the seed %s could not be placed: %s", placement, problem)
    placement.error = str(problem)
    placement.next_try_at = now + RETRY if problem.retry else None
    if not problem.retry:
        placement.state = Placement.State.FAILED
    placement.save()


def expect(placement: Placement) -> None:
    """Write what is expected of the seed, reckoned from its placement, in place of an earlier reckoning."""
    path, start = placement.path, placement.tried_at
    rows = [
        Expectation(
            mail=step.mail,
            subject=step.subject,
            due_at=(due_at := step.due_at(start, zone())),
            window_closes_at=due_at + step.window,
        )
        for step in path.steps()
    ]
    rows += [
        Expectation(
            mail=subject,
            subject=subject,
            must_arrive=False,
            due_at=start,
            window_closes_at=_horizon(path, start),
        )
        for subject in path.never
    ]
    for position, row in enumerate(rows):
        row.placement, row.position = placement, position
        row.judge_at = row.window_closes_at + path.plan.grace
    Expectation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["placement", "position"],
        update_fields=["mail", "subject", "must_arrive", "due_at", "window_closes_at", "judge_at", "verdict"],
    )
    placement.expectations.filter(position__gte=len(rows)).delete()


def _horizon(path: SeedPath, start: datetime) -> datetime:
    """When the last mail of the plan's paths is over: until then, what must not arrive is watched for."""
    siblings = path.plan.paths.filter(removed_at=None)
    ends = [step.due_at(start, zone()) + step.window for one in siblings for step in one.steps()]
    return max(ends, default=start)


def address(path: SeedPath, slot: datetime) -> str:
    """The seed's own plus-address, made of plan, path and day."""
    own = tag(path.plan.address, path.plan.name, path.name)
    mailbox, _, domain = path.plan.address.rpartition("@")
    return f"{mailbox}+{own}-{slot.astimezone(zone()):%Y%m%d}@{domain}".lower()


def tag(mailbox: str, plan: str, path: str) -> str:
    """The part between + and day; names an address cannot hold are shortened, and a mark tells them apart."""
    words = f"{plan}-{path}".lower()
    slug = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    room = LOCAL_PART - mailbox.rindex("@") - len("+-20000101")
    if len(slug) > room or not words.isascii():
        mark = hashlib.sha256(words.encode()).hexdigest()[:6]
        slug = f"{slug[: room - len(mark) - 1]}-{mark}".strip("-")
    return slug
