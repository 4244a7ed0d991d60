"""Run a sync: plan, guard, apply; and what is due when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from django.conf import settings

from usher.audiences.desired import Desired
from usher.audiences.errors import AudienceError
from usher.destinations.base import ListGoneError, Platform
from usher.lib import schedule
from usher.lib.database.alone import alone
from usher.lib.http import OutsideError
from usher.syncs import guard, ledger
from usher.syncs.apply import Sleep, apply, settle
from usher.syncs.intend import intend
from usher.syncs.look import look
from usher.syncs.members import wanted
from usher.syncs.models import Run, Step, Sync
from usher.syncs.plan import Plan, plan

#: The longest pause before a run that failed for a passing reason is tried again.
LONGEST_RETRY = timedelta(hours=1)
_LOCK = 0x5C


class SyncError(Exception):
    """A sync cannot be run as asked; the message says why and what to do."""


class BusyError(SyncError):
    """This sync is being run by another process."""


@dataclass(frozen=True)
class _Connection:
    """How a run reaches the outside: time to sleep, and in tests the wire itself."""

    sleep: Sleep
    transport: httpx.BaseTransport | None

    def open(self, sync: Sync, on_call: Callable[[str], None] = lambda kind: None) -> Platform:
        return sync.destination.connect(sleep=self.sleep, on_call=on_call, transport=self.transport)


def preview(sync: Sync, *, sleep: Sleep = time.sleep, transport: httpx.BaseTransport | None = None) -> Plan:
    """What a run would do now; changes nothing at the platform, and asks it only what is not known yet.

    Raises AudienceError and OutsideError.
    """
    with _Connection(sleep, transport).open(sync) as platform:
        return _plan(sync, platform, wanted(sync))


def run(
    sync: Sync,
    now: datetime,
    slot: datetime | None = None,
    *,
    sleep: Sleep = time.sleep,
    transport: httpx.BaseTransport | None = None,
) -> Run:
    """Plan, guard and apply. A slot is answered once: a second call goes on with what is unfinished.

    What goes wrong outside is on the Run (state, error, retry), not raised; BusyError when it runs already.
    """
    with _alone(sync):
        sync.refresh_from_db()
        found = sync.runs.filter(slot=slot).first() if slot else None
        if found and (not _may_go_on(found) or sync.runs.filter(pk__gt=found.pk).exists()):
            return found
        one = found or Run.objects.create(sync=sync, slot=slot, now=now, started_at=now)
        return _go(one, now, _Connection(sleep, transport))


def resume(
    one: Run, now: datetime, *, sleep: Sleep = time.sleep, transport: httpx.BaseTransport | None = None
) -> Run:
    """Go on with a run that was approved, killed or failed; SyncError when there is nothing to go on with."""
    with _alone(one.sync):
        one.refresh_from_db()
        if not _may_go_on(one):
            raise SyncError(f"{one} is {one.state}: there is nothing to go on with")
        if one.sync.runs.filter(pk__gt=one.pk).exists():
            raise SyncError(f"a later run has taken the place of {one}; run the sync again instead")
        return _go(one, now, _Connection(sleep, transport))


def approve(one: Run, *, by: str, because: str, now: datetime) -> Run:
    """Let a held run go ahead as it was planned, once; it is applied by `resume`."""
    if not because.strip():
        raise SyncError("say why the plan may go ahead: the reason is kept with the run")
    changed = Run.objects.filter(pk=one.pk, state=Run.State.HELD).update(
        state=Run.State.PLANNED, approved_by=by, approved_because=because.strip(), approved_at=now
    )
    one.refresh_from_db()
    if not changed:
        raise SyncError(f"{one} is {one.state}, not held")
    return one


def due(now: datetime) -> list[tuple[Sync, datetime]]:
    """Syncs whose last scheduled moment has no finished run yet, each with that moment."""
    slots = [(sync, _latest_slot(sync, now)) for sync in Sync.objects.exclude(schedule="")]
    return [(sync, slot) for sync, slot in slots if slot and _is_open(sync, slot, now)]


def next_due(after: datetime) -> datetime | None:
    """The first scheduled moment of any sync that is later than `after`."""
    lines = set(Sync.objects.exclude(schedule="").values_list("schedule", flat=True))
    zone = ZoneInfo(settings.TIME_ZONE)
    return min((schedule.following(line, after, zone) for line in lines), default=None)


def _latest_slot(sync: Sync, now: datetime) -> datetime | None:
    slot = schedule.latest(sync.schedule, now, ZoneInfo(settings.TIME_ZONE))
    return slot if slot and slot > sync.defined_at else None


def _is_open(sync: Sync, slot: datetime, now: datetime) -> bool:
    found = sync.runs.filter(slot=slot).first()
    if found is None or found.state in (Run.State.PLANNED, Run.State.APPLYING):
        return True
    if not found.retry:
        return False
    pause = min(timedelta(minutes=2 ** min(found.attempts, 10)), LONGEST_RETRY)
    return now >= (found.finished_at or found.now) + pause


def _may_go_on(one: Run) -> bool:
    if one.state == Run.State.REFUSED:
        return one.retry
    return one.state in (Run.State.PLANNED, Run.State.APPLYING, Run.State.FAILED)


@contextmanager
def _alone(sync: Sync) -> Iterator[None]:
    """Hold the sync; the database lets go of it by itself when this process dies."""
    with alone(_LOCK, sync.pk) as is_ours:
        if not is_ours:
            raise BusyError(f"the sync “{sync}” is running already; wait until it is done")
        yield


def _go(one: Run, now: datetime, outside: _Connection) -> Run:
    one.attempts += 1
    try:
        with outside.open(one.sync, lambda kind: _note_call(one, kind)) as platform:
            _end_older(one, platform, now, outside.sleep)
            if not one.planned:
                _settle_plan(one, platform, now)
            if one.state in (Run.State.PLANNED, Run.State.APPLYING, Run.State.FAILED):
                apply(one, platform, now=now, sleep=outside.sleep)
    except AudienceError as problem:
        _end(one, Run.State.REFUSED, str(problem), retry=problem.retry, now=now)
    except ListGoneError as problem:
        ledger.clear(one.sync)
        one.steps.all().delete()
        one.planned = {}
        _end(one, Run.State.FAILED, problem.message, retry=True, now=now)
    except OutsideError as problem:
        _end(one, Run.State.FAILED, problem.message, retry=problem.retry, now=now)
    return one


def _note_call(one: Run, kind: str) -> None:
    """Every call is counted before it is made, so that none is unaccounted for after a crash."""
    one.calls_made = {**one.calls_made, kind: one.calls_made.get(kind, 0) + 1}
    one.save(update_fields=["calls_made"])


def _end(one: Run, state: Run.State, error: str, *, retry: bool, now: datetime) -> None:
    one.state, one.error, one.retry, one.finished_at = state, error, retry, now
    one.save()


def _plan(sync: Sync, platform: Platform, members: Desired) -> Plan:
    names = [name for name in members.rows.column_names if name not in ("key", "email")]
    there = look(sync, platform, names)  # before the ledger is read: it may have to start afresh
    return plan(
        members.rows,
        members.refused,
        ledger.read(sync),
        there=there,
        capabilities=platform.capabilities,
        list_name=sync.list_name,
        create_list=sync.create_list,
        create_fields=sync.create_fields,
    )


def _settle_plan(one: Run, platform: Platform, now: datetime) -> None:
    """Plan, look at the numbers, and write down what is to be done."""
    members = wanted(one.sync)
    made = _plan(one.sync, platform, members)
    one.state, one.error, one.retry = Run.State.PLANNED, "", False
    one.evaluation = members.evaluation
    one.planned = made.counts.as_dict()
    for name, count in one.planned.items():
        setattr(one, name, count)
    one.calls_foreseen = {**one.calls_made, **made.calls}
    refused = guard.refusal(made)
    held = guard.hold(made, share=one.sync.guard_share, floor=one.sync.guard_floor)
    if refused:
        _end(one, Run.State.REFUSED, refused, retry=False, now=now)
        return
    intend(one, made, platform.capabilities.remove_rows)
    if held:
        _end(one, Run.State.HELD, held, retry=False, now=now)


def _end_older(one: Run, platform: Platform, now: datetime, sleep: Sleep) -> None:
    """Close earlier runs: what the platform has taken is asked for and entered, the rest is planned anew."""
    older = one.sync.runs.filter(pk__lt=one.pk)
    for step in Step.objects.filter(run__in=older, state=Step.State.SENT).select_related("run__sync"):
        try:
            settle(step, platform, now=now, sleep=sleep)
        except OutsideError as problem:
            if problem.retry:  # a final failure is on the step; what it would have done is planned anew
                raise
    unfinished = older.filter(state__in=[Run.State.PLANNED, Run.State.APPLYING])
    unfinished.update(
        state=Run.State.FAILED,
        finished_at=now,
        error="it was cut off; the next run went on from what was done",
    )
    older.filter(state=Run.State.HELD).update(
        state=Run.State.REFUSED,
        finished_at=now,
        error="a later run took its place before anybody approved it",
    )
