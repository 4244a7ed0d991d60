"""Work out every audience and field as of one moment, into files that nobody reads yet."""

from __future__ import annotations

import time

from usher.audiences import before as earlier
from usher.audiences import difference, hand, scope, storing
from usher.audiences.errors import AudienceError
from usher.audiences.models import Snapshot
from usher.audiences.rulebook import Entry, titled
from usher.audiences.scope import Scope
from usher.audiences.select import select
from usher.audiences.work import Frame, Group, Work
from usher.sources import changed

GROUPS: tuple[Group, ...] = ("kept", "other")


def compute(work: Work, because: str = "") -> list[Snapshot]:
    """Write what changed, and a new base where one is due; the snapshots are not saved.

    `because` asks for a look at everybody, and says why. AudienceError when nothing at all was evaluated.
    """
    run = work.run
    work.folder.mkdir(parents=True)
    work.unfit = list(work.book.unfit)
    # the tables are looked at first: what changes while rules are run is found by the next evaluation
    seen = changed.look(
        work.opened, work.before.marks if work.before else {}, run.now, work.folder, run.folder
    )
    run.marks = {
        "shape": earlier.shape(work.opened),
        "names": earlier.names(),
        "tables": seen.marks,
    }
    hand.load(
        work.connection, [one.pk for one in work.by_hand if one not in work.expired], run.now, work.folder
    )
    difference.begin(work)
    decided = scope.scope(work, seen, because)
    run.full_because = decided.because
    _by_hand(work, whole=bool(decided.because))
    for number, level in enumerate(work.book.levels):
        _level(work, number, level, decided)
    _demand_something(work)
    _unfit(work, whole=bool(decided.because))
    run.marks["kept"] = work.keeping.marks()
    began = time.perf_counter()
    difference.compare(work)
    found = storing.store(work)
    spent = (time.perf_counter() - began) / max(1, len(found))
    for one in found:
        one.seconds = work.seconds.get(one.column, 0.0) + spent
    return found


def _by_hand(work: Work, *, whole: bool) -> None:
    tags = [one.pk for one in work.by_hand]
    if not tags:
        return
    shown = "".join(f", coalesce(n.a_{one}, false) AS a_{one}" for one in tags)
    people = work.subject if whole else "near_people_any"
    work.connection.execute(
        f"CREATE TABLE by_hand AS SELECT c.{work.key} AS key{shown} FROM {people} c"
        f" LEFT JOIN {hand.pivot(tags)} n ON n.key = c.{work.key}::VARCHAR"
    )
    work.frames.append(Frame("by_hand", tuple(f"a_{one}" for one in tags), whole, group="any"))


def _level(work: Work, number: int, level: tuple[Entry, ...], decided: Scope) -> None:
    """Shared selections over everybody, and over the affected: of what is kept, and of what is read.

    It may show that more are affected.
    """
    expired = work.expired
    left = [one for one in level if one.thing not in expired and one.column not in work.flipped]
    frames = len(work.frames)
    for whole in (True, False):
        some = [one for one in left if (one.column in decided.everybody) == whole]
        for group in GROUPS:
            mine = [one for one in some if work.keeping.group(one.column) == group]
            select(work, f"{group}_{number}_{whole:d}", work.aside(mine), whole=whole, group=group)
    if not decided.because:
        _grow(work, number + 1, work.frames[frames:])


def _grow(work: Work, level: int, frames: list[Frame]) -> None:
    """Whoever an audience of these gained or lost is affected, where later rules speak of it."""
    later = [entry for one in work.book.levels[level:] for entry in one]
    needed = {name for entry in later for name in entry.needs}
    asked = {f"a_{pk}" for name, pk in work.run.marks["names"].items() if tuple(name.split(" ", 1)) in needed}
    queries = [
        difference.moved_in(work, frame, columns)
        for frame in frames
        if (columns := [one for one in frame.columns if one in asked])
    ]
    if level == 1 and (flipped := asked & work.flipped):
        audiences = ", ".join(one[2:] for one in flipped)
        queries.append(f"SELECT key FROM moved WHERE abs(audience) IN ({audiences})")
    if queries:
        scope.grow(work, level, queries, {work.keeping.group(one.column) for one in later})


def _unfit(work: Work, *, whole: bool) -> None:
    """What could not be evaluated keeps what it had, but for those who are no longer customers."""
    kept = [column for column in sorted(work.lost) if work.before and work.before.good(column)]
    if not kept or work.before is None:
        return
    people = work.subject if whole else "near_people_any"
    shown = "".join(f", coalesce(o.{one}, false) AS {one}" if one[0] == "a" else f", o.{one}" for one in kept)
    old = work.before.state.rows(*difference.split(work, kept), among="" if whole else "affected_text")
    work.connection.execute(
        f"CREATE TABLE unfit AS SELECT c.{work.key} AS key{shown} FROM {people} c"
        f" LEFT JOIN {old} o ON o.key = c.{work.key}::VARCHAR"
    )
    work.frames.append(Frame("unfit", tuple(kept), whole, work.level, "any"))


def _demand_something(work: Work) -> None:
    if work.unfit and not work.flipped and not any(frame.columns for frame in work.frames):
        first = work.unfit[0]
        more = f" (and {len(work.unfit) - 1} more)" if len(work.unfit) > 1 else ""
        raise AudienceError(f"nothing could be evaluated. {titled(first.thing)}: {first.reason}{more}")
