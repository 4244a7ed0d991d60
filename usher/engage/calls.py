"""The record of calls: what the API was asked and answered, for those who look after an integration.

A call waits in memory and is written by a thread of its process within a second, so that it costs the caller
nothing; what a killed process had not written is lost.
"""

from __future__ import annotations

import logging
import re
import shlex
import threading
import time
from collections import deque
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import DatabaseError, connection

from usher.engage.models import Account, ApiCall, ApiUser

log = logging.getLogger(__name__)

#: Bytes that are kept of a body.
LONGEST = 4096
#: Calls are kept for so long, and so many of an account.
KEPT, MOST = timedelta(days=7), 100_000
#: Calls that wait in a process; beyond it the oldest are given up.
WAITING = 20_000
#: Seconds between two writings, and rows of one.
PAUSE, BATCH = 1.0, 1000

_CUT = " …"
_SECRET = re.compile(r'("[^"]*(?:password|secret|token)[^"]*"\s*:\s*)"(?:[^"\\]|\\.)*("|$)', re.IGNORECASE)


class Heard(NamedTuple):
    """A call as it was answered."""

    #: The id of the account that was spoken for, and the API user who did; none for a Spotler key.
    account: int
    user: ApiUser | None
    at: datetime
    method: str
    #: With its query.
    path: str
    status: int
    token: str
    milliseconds: int
    sent: bytes
    answered: bytes


# Copied, because there is one for every call: objects would cost as much as the call.
_COPY = """
copy engage_apicall (account_id, user_id, at, method, path, status, token, milliseconds, sent, answered)
from stdin
"""

_waiting: deque[Heard] = deque(maxlen=WAITING)


def keep(heard: Heard) -> None:
    """Have this call written down, with the beginning of its bodies."""
    short = heard._replace(sent=heard.sent[: LONGEST + 1], answered=heard.answered[: LONGEST + 1])
    _waiting.append(short)


def start() -> None:
    """Write what waits, from now on and as long as this process lives; each server process says so once."""
    threading.Thread(target=_write_for_ever, name="record of calls", daemon=True).start()


def write() -> int:
    """Write what waits now; how many calls it was."""
    batch = [_waiting.popleft() for _ in range(min(len(_waiting), BATCH))]
    # what is gone meanwhile takes nobody else's calls with it
    accounts = set(
        Account.objects.filter(pk__in={heard.account for heard in batch}).values_list("pk", flat=True)
    )
    named = {heard.user.pk for heard in batch if heard.user}
    users = set(ApiUser.objects.filter(pk__in=named).values_list("pk", flat=True))
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for heard in batch:
            if heard.account in accounts:
                copy.write_row(_row(heard, users))
    return len(batch)


def forget(now: datetime) -> int:
    """Delete the calls that are too old, or too many; how many."""
    deleted, _ = ApiCall.objects.filter(at__lt=now - KEPT).delete()
    for account in Account.objects.all():
        rows = ApiCall.objects.filter(account=account).order_by("-at", "-pk")
        if last := next(iter(rows[MOST : MOST + 1]), None):
            deleted += rows.filter(at__lte=last.at).delete()[0]
    return deleted


def curl(call: ApiCall, base_url: str) -> str:
    """The call as a command that makes it again; the password is to be filled in."""
    words = ["curl", "-X", call.method, "-u", f"{call.user or 'USER'}:PASSWORD"]
    if call.sent:
        words += ["-H", "Content-Type: application/json", "--data-raw", call.sent]
    command = shlex.join([*words, base_url.rstrip("/") + call.path])
    if call.sent.endswith(_CUT):
        return f"# only the beginning of the body was kept\n{command}"
    return command


def _write_for_ever() -> None:
    while True:
        time.sleep(PAUSE)
        try:
            while write():
                pass
        except DatabaseError as problem:  # these calls are given up, the next ones are tried
            log.warning("calls could not be recorded: %s", problem)
        finally:
            connection.close()


def _row(heard: Heard, users: Collection[int]) -> tuple[object, ...]:
    """What _COPY wants."""
    return (
        heard.account,
        heard.user.pk if heard.user and heard.user.pk in users else None,
        heard.at,
        heard.method[:8],
        _text(heard.path.encode(errors="replace"))[:2000],
        heard.status,
        heard.token,
        heard.milliseconds,
        _text(heard.sent),
        _text(heard.answered),
    )


def _text(raw: bytes) -> str:
    """The beginning of a body as text that a database takes, without what looks like a secret."""
    said = raw[:LONGEST].decode("utf-8", "replace").replace("\0", "\ufffd")
    return _SECRET.sub(r'\1"…"', said) + (_CUT if len(raw) > LONGEST else "")
