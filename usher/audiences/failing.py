"""Which failures are a rule's own."""

from __future__ import annotations

import duckdb

from usher import rules


def reason(problem: Exception) -> str | None:
    """What a rule did wrong; None for what no rule is to blame for: the disk, memory, our own mistakes."""
    from ibis.common.exceptions import IbisError

    data = duckdb.DataError | duckdb.ProgrammingError | duckdb.NotSupportedError
    if not isinstance(problem, rules.RuleError | IbisError | data):
        return None
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)
