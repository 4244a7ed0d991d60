"""Look an installation over: each finding says what was found and, if it is wrong, how to mend it."""

from __future__ import annotations

import os
import shutil
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from usher.engage.channels.relay import Relay
from usher.engage.deliver.relay import relay_from
from usher.lib import clock
from usher.lib.env import SettingError

#: Work that waits longer than this has nobody who does it.
PATIENCE = timedelta(minutes=5)
LITTLE_DISK = 1 << 30
MANY_MINUTES_OFF = timedelta(minutes=2)


@dataclass(frozen=True)
class Finding:
    what: str
    is_well: bool
    found: str
    #: What to do; empty when all is well.
    mend: str = ""


def examine() -> list[Finding]:
    """Every check; one that cannot be made because an earlier one failed says so itself."""
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("database", _database),
        ("migrations", _migrations),
        ("clock", _clock),
        ("data directory", _data_directory),
        ("mail path", _mail_path),
        ("work", _work),
        ("messages", _messages),
    )
    return [finding for what, check in checks for finding in _guarded(what, check)]


def _guarded(what: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except DatabaseError as problem:
        text = str(problem).strip().splitlines()[0]
        return [Finding(what, False, f"cannot be looked at: {text}", "mend the database first")]


def _row(query: str, *values: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return tuple(row)


def _database() -> Iterator[Finding]:
    (version,) = _row("show server_version_num")
    is_well = int(str(version)) >= 150000
    where = connection.settings_dict["HOST"] or "localhost"
    mend = "" if is_well else "Usher needs PostgreSQL 15 or newer"
    yield Finding("database", is_well, f"PostgreSQL {int(str(version)) // 10000} at {where}", mend)


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        yield Finding("migrations", False, f"{len(waiting)} are not applied", "run: usher migrate")
    else:
        yield Finding("migrations", True, "all applied")


def _clock() -> Iterator[Finding]:
    if clock.virtual is not None:
        yield Finding(
            "clock", True, f"virtual: it stands at {clock.now():%Y-%m-%d %H:%M} UTC ({clock.virtual})"
        )
        return
    (there,) = _row("select now()")
    off = abs(there.astimezone(UTC) - clock.now())
    is_well = off < MANY_MINUTES_OFF
    mend = "" if is_well else "set the time of this machine, or of the database's (NTP)"
    yield Finding("clock", is_well, f"{off.total_seconds():.1f} s from the database's", mend)


def _data_directory() -> Iterator[Finding]:
    folder = settings.USHER_DATA_DIR
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        yield Finding(
            "data directory", False, f"{folder} cannot be written", "set USHER_DATA_DIR, or its owner"
        )
        return
    free = shutil.disk_usage(folder).free
    is_well = free > LITTLE_DISK
    mend = "" if is_well else "make room on this disk"
    yield Finding("data directory", is_well, f"{folder}, {free / (1 << 30):.1f} GiB free", mend)


def _mail_path() -> Iterator[Finding]:
    try:
        relay = relay_from(settings.USHER_SMTP_URL)
    except SettingError as problem:
        yield Finding("mail path", False, str(problem), "set USHER_SMTP_URL")
        return
    where = f"{relay.host}:{relay.port}"
    try:
        code, text = _greeting(relay)
    except (OSError, smtplib.SMTPException) as problem:
        mend = "is usher up running? Otherwise look at USHER_SMTP_URL"
        yield Finding("mail path", False, f"the relay {where} does not answer: {problem}", mend)
        return
    said = text.decode("utf-8", "replace").splitlines()[0] if text else ""
    if code == 250:
        yield Finding("mail path", True, f"the relay {where} answers")
    else:
        yield Finding(
            "mail path", False, f"the relay {where} answers {code} {said}", "ask who runs the relay"
        )


def _greeting(relay: Relay) -> tuple[int, bytes]:
    kind = smtplib.SMTP_SSL if relay.security == "tls" else smtplib.SMTP
    with kind(relay.host, relay.port, timeout=10) as session:
        return session.ehlo()


def _work() -> Iterator[Finding]:
    (waiting, oldest, failed, workers) = _row(
        """select count(*) filter (where status in ('todo', 'doing')),
                  now() - min(event.at) filter (where status = 'todo'
                                                and coalesce(scheduled_at, now()) <= now()),
                  count(*) filter (where status = 'failed'),
                  (select count(*) from procrastinate_workers
                   where last_heartbeat > now() - interval '30 seconds')
           from procrastinate_jobs job
           left join lateral (select max(at) as at from procrastinate_events
                              where job_id = job.id and type = 'deferred') event on true"""
    )
    if not workers:
        yield Finding("workers", False, "none is running", "start one: usher up, or usher worker")
    else:
        yield Finding("workers", True, f"{workers} running")
    stale = isinstance(oldest, timedelta) and oldest > PATIENCE
    mend = "start a worker, or more of them: usher worker" if stale else ""
    yield Finding("waiting jobs", not stale, f"{waiting} waiting or running", mend)
    if failed:
        yield Finding("failed jobs", False, f"{failed} failed", "their errors are in the worker's log")


def _messages() -> Iterator[Finding]:
    (ambiguous, overdue) = _row(
        """select count(*) filter (where state = 'ambiguous'),
                  count(*) filter (where state = 'queued' and due_at < %s)
           from engage_message where state in ('ambiguous', 'queued')""",
        clock.now() - timedelta(hours=1),
    )
    if ambiguous:
        mend = "look at each: its answer was lost, and it is not sent again blindly"
        yield Finding("ambiguous mail", False, f"{ambiguous} messages", mend)
    if overdue:
        mend = "see the relay's answers on the Home page"
        yield Finding("overdue mail", False, f"{overdue} messages wait longer than an hour", mend)
    if not ambiguous and not overdue:
        yield Finding("mail queue", True, "nothing is overdue or ambiguous")
