"""Who changed what, with what was there before and after: written by the database as the rows change.

Triggers watch every table that people and programs may change. They are silent until a transaction is signed,
so what Usher does by itself (a program that moves people, a worker that imports a file) leaves no such notes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection, transaction

from usher.engage.models import Account, Audit

#: Notes are kept for so long.
KEPT = timedelta(days=400)

_SIGN = "select set_config('usher.signed', %s, true)"


@contextmanager
def signed(account: Account, by: str, now: datetime) -> Iterator[None]:
    """A transaction whose changes are written down as `by`'s: "api <user>", "page <user>", "form <name>".

    One row is noted with its key and what differs; a statement that changes several is one note with their
    count. An error takes back the changes and the notes.
    """
    signature = json.dumps({"account": account.pk, "by": by[:160], "at": now.isoformat()})
    inside = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SIGN, [signature])
        yield
        if inside:  # the transaction around this one goes on unsigned
            cursor.execute(_SIGN, [""])


def note(
    account: Account,
    by: str,
    kind: str,
    key: object,
    act: str,
    now: datetime,
    before: object = None,
    after: object = None,
) -> None:
    """Write down by hand what no changed row tells; call it in the transaction of the act."""
    Audit.objects.create(
        account=account,
        at=now,
        by=by[:160],
        kind=kind,
        key=str(key)[:255],
        act=act,
        before=before,
        after=after,
    )


def forget(now: datetime) -> int:
    """Delete the notes that are too old; how many."""
    return Audit.objects.filter(at__lt=now - KEPT).delete()[0]
