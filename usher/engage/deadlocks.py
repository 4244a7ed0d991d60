"""Transactions that waited for each other: PostgreSQL takes one of them back, and it is done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError
from psycopg.errors import DeadlockDetected

#: So often in all: each time one of those who waited gets through.
TRIES = 10

Done = TypeVar("Done")


def done_again(transaction: Callable[[], Done]) -> Done:
    """What the transaction answers; it is begun anew when it was taken back, of which nothing is left.

    It has to be a whole one: within another, that one would have to begin anew.
    """
    for _ in range(TRIES - 1):
        try:
            return transaction()
        except OperationalError as problem:
            if not isinstance(problem.__cause__, DeadlockDetected):
                raise
    return transaction()
