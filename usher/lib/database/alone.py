"""Work that one process does at a time, held by the database: it lets go by itself when the process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def alone(*lock: int) -> Iterator[bool]:
    """Is the work (one number up to 64 bits, or two of 32) ours as long as this lasts? False: another's."""
    places = ", ".join(["%s"] * len(lock))
    with connection.cursor() as cursor:
        cursor.execute(f"select pg_try_advisory_lock({places})", lock)
        row = cursor.fetchone()
    is_alone = bool(row and row[0])
    try:
        yield is_alone
    finally:
        if is_alone:
            with connection.cursor() as cursor:
                cursor.execute(f"select pg_advisory_unlock({places})", lock)
