"""Who an unsaved rule would find: how many, and a few of them; stopped when nobody waits for it any more."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import BoundedSemaphore, Event, Lock, Thread, Timer
from typing import Any

import duckdb

from usher import rules
from usher.audiences.errors import AudienceError
from usher.audiences.whom import Asking, looked_at
from usher.rules import nodes
from usher.sources import sql
from usher.sources.open import Opened, open_tables

log = logging.getLogger(__name__)

#: Customers shown of those that are found.
SAMPLE = 10
#: Values shown of each, beside key and address.
COLUMNS = 4
#: Seconds after which a count is given up.
LIMIT = 10.0
#: Seconds that one waits for another count to end.
PATIENCE = 3.0
#: Counts at once in a process, and the memory that each may take before it spills to the disk.
AT_ONCE = 2
MEMORY = "600MB"


class PreviewError(AudienceError):
    """The count came to no end; the message says why."""


class ReplacedError(PreviewError):
    """A newer count of the same editor took its place, or its page was left: nobody waits for it."""


@dataclass(frozen=True)
class Found:
    """One customer whom the rule finds; `values` stand in the order of the preview's columns."""

    key: str
    email: str | None
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Preview:
    """`count` of `of` customers, as of `now`; a few of them with what the rule looks at, chosen evenly."""

    count: int
    of: int
    columns: tuple[str, ...]
    sample: tuple[Found, ...]
    now: datetime
    seconds: float

    @property
    def people(self) -> list[tuple[Found, list[tuple[str, Any]]]]:
        """Everybody of the sample, with what the rule looks at by its name."""
        return [(one, list(zip(self.columns, one.values, strict=True))) for one in self.sample]


@dataclass
class _Job:
    """A count that is under way, or waits for its turn."""

    replaced: Event = field(default_factory=Event)
    late: Event = field(default_factory=Event)
    connection: duckdb.DuckDBPyConnection | None = None

    def stop(self, why: Event) -> None:
        why.set()
        Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        """Again and again until it has ended: a statement that only begins does not hear it."""
        while (connection := self.connection) is not None:
            with suppress(duckdb.Error):  # it may be closed at this very moment
                connection.interrupt()
            time.sleep(0.05)

    def demand_going(self) -> None:
        """PreviewError when somebody stopped it: between two statements there is nothing to interrupt."""
        if self.replaced.is_set():
            raise ReplacedError("a newer count took the place of this one")
        if self.late.is_set():
            raise PreviewError(f"counting took longer than {LIMIT:.0f} seconds and was given up")


_turns = BoundedSemaphore(AT_ONCE)
_jobs: dict[str, _Job] = {}
_lock = Lock()


def preview(text: str, now: datetime, *, token: str, value: bool = False, limit: float = LIMIT) -> Preview:
    """Count whom the rule `text` finds, as of `now`; with `value`, who has a value of that expression.

    Members of other audiences are those last published; what was never evaluated is worked out as well.
    `token` names the editor that asks: an older count of the same one is ended. RuleError, SourceError,
    AudienceError; PreviewError when it was stopped.
    """
    node = rules.parse(text)
    began = time.perf_counter()
    with _turn(token, limit) as job, open_tables(again=False) as opened:
        job.connection = opened.duckdb
        try:
            return _counted(job, opened, node, now, value, began)
        except duckdb.InterruptException:
            job.demand_going()
            raise
        except duckdb.Error as problem:
            # the engine's own line may hold values of customers' rows, so only its kind stands beside ours
            log.warning("a count failed: %s", type(problem).__name__)
            log.debug("%s", problem)
            raise PreviewError(_in_words(problem)) from None
        finally:
            job.connection = None


def _in_words(problem: duckdb.Error) -> str:
    """What a person can do about a count that the engine gave up."""
    match problem:
        case duckdb.OutOfMemoryException():
            return (
                f"a count may take {MEMORY} of memory, and this one needs more; ask of fewer things at once"
            )
        case duckdb.IOException():
            return "a file of the data could not be read; try again, and look at Sources when it stays so"
        case duckdb.DataError():
            return (
                "a value in the data does not suit what the rule does with it, such as a number that is too"
                " large; leave such values out with a condition before, or mend them in the source"
            )
        case _:
            return (
                "the data cannot be asked this, although the rule is well formed; look whether Sources tells"
                " of changed columns. The log of the server names the kind of error"
            )


def stop(token: str) -> None:
    """End the count of this editor, if there is one: its page was left."""
    with _lock:
        job = _jobs.pop(token, None)
    if job:
        job.stop(job.replaced)


@contextmanager
def _turn(token: str, limit: float) -> Iterator[_Job]:
    """The place of the older count of this editor, and one of the few turns."""
    stop(token)
    job = _Job()
    with _lock:
        _jobs[token] = job
    try:
        if not _turns.acquire(timeout=PATIENCE):
            raise PreviewError("others are counting at the moment; try again in a few seconds")
        timer = Timer(limit, job.stop, [job.late])
        timer.daemon = True
        timer.start()
        try:
            job.demand_going()
            yield job
        finally:
            timer.cancel()
            _turns.release()
    finally:
        with _lock:
            if _jobs.get(token) is job:
                del _jobs[token]


def _counted(
    job: _Job, opened: Opened, node: rules.Node, now: datetime, value: bool, began: float
) -> Preview:
    engine = opened.duckdb
    engine.execute(f"SET memory_limit = {sql.text(MEMORY)}")
    shown = {} if value else _shown(opened, node)
    asked = {"found": node} | {f"value_{number}": part for number, part in enumerate(shown.values())}
    with tempfile.TemporaryDirectory() as scratch:
        query = Asking(opened, now, Path(scratch), published=True).selected(asked)
    job.demand_going()
    kept = "found IS NOT NULL" if value else "found"
    engine.execute(f"CREATE TEMP TABLE found_by_rule AS SELECT * FROM ({query}) WHERE {kept}")
    job.demand_going()
    (count,) = sql.row(engine, "SELECT count(*) FROM found_by_rule")
    (of,) = sql.row(engine, f"SELECT count(*) FROM {sql.name(opened.subject.name)}")
    values = ["found"] if value else [name for name in asked if name != "found"]
    sample = tuple(Found(key, email, tuple(rest)) for key, email, *rest in _sample(opened, values))
    columns = (rules.format(node),) if value else tuple(shown)
    return Preview(count, of, columns, sample, now, time.perf_counter() - began)


def _shown(opened: Opened, node: rules.Node) -> dict[str, rules.Node]:
    """What the rule looks at, without key and address: those stand beside it anyway."""
    own = {rules.format(nodes.Path((name,))) for name in (opened.subject.key, opened.subject.email)}
    return dict([one for one in looked_at(node).items() if rules.format(one[1]) not in own][:COLUMNS])


def _sample(opened: Opened, values: list[str]) -> list[tuple[Any, ...]]:
    """A few of those found: by a hash of the key, so that the same ones come again while one types."""
    key, email = sql.name(opened.subject.key), sql.name(opened.subject.email)
    shown = ", ".join([f"c.{key}::VARCHAR", f"c.{email}::VARCHAR", *(f"f.{name}" for name in values)])
    few = f"(FROM found_by_rule ORDER BY hash({key}), {key} LIMIT {SAMPLE})"
    query = f"SELECT {shown} FROM {few} f JOIN {sql.name(opened.subject.name)} c USING ({key}) ORDER BY 1"
    return opened.duckdb.execute(query).fetchall()
