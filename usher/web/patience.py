"""A page waits only so long for the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

#: Seconds that a search may take: words are looked for in every contact.
SEARCH = 3.0
#: Seconds for numbers that can be shown a moment later.
NUMBERS = 0.15


@contextmanager
def patiently(seconds: float) -> Iterator[None]:
    """What is asked within ends after so many seconds with an OperationalError."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"set local statement_timeout = {round(seconds * 1000)}")
        yield
        cursor.execute("set local statement_timeout to default")  # a transaction around this one goes on
