"""Who was put by hand into what, as of one moment: from the database into DuckDB, as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import duckdb
from django.db import connection as database

from usher.audiences.models import Assignment
from usher.sources import sql

#: The last word on each customer. What a definition says has no moment: it holds for the past too.
_LAST_WORDS = f"""
    COPY (
        SELECT DISTINCT ON (audience_id, key) audience_id, key, cause,
               removed_at IS NOT NULL AND (removed_at <= %(now)s OR removed_cause = 'definition'),
               removed_cause
        FROM {Assignment._meta.db_table}
        WHERE (at <= %(now)s OR cause = 'definition') AND audience_id = ANY(%(audiences)s)
        ORDER BY audience_id, key, at DESC, id DESC
    ) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"""

_COLUMNS = (
    "{audience: 'BIGINT', key: 'VARCHAR', cause: 'VARCHAR', removed: 'VARCHAR', removed_cause: 'VARCHAR'}"
)


def load(
    connection: duckdb.DuckDBPyConnection, audiences: Iterable[int], now: datetime, scratch: Path
) -> None:
    """Make the table `assigned`: one row for the last word on each customer in each of the audiences."""
    wanted = list(audiences)
    none = (
        "SELECT 0::BIGINT AS audience, '' AS key, '' AS cause, false AS removed, '' AS removed_cause LIMIT 0"
    )
    rows = none
    if wanted:
        file = scratch / "assigned.csv"
        said = {"now": now, "audiences": wanted}
        with (
            database.cursor() as cursor,
            file.open("wb") as target,
            cursor.copy(_LAST_WORDS, said) as copy,
        ):
            for block in copy:
                target.write(block)
        rows = (
            f"SELECT * REPLACE (removed = 't' AS removed) FROM read_csv({sql.text(file)}, header = false,"
            f" auto_detect = false, quote = '\"', escape = '\"', delim = ',', columns = {_COLUMNS})"
        )
    connection.execute(f"CREATE TABLE assigned AS {rows}")
    if wanted:
        file.unlink()


def pivot(audiences: Iterable[int]) -> str:
    """A subquery with `key` and whether each audience has it, of all who are in any."""
    wanted = list(audiences)
    shown = "".join(f", coalesce(bool_or(audience = {one}), false) AS a_{one}" for one in wanted)
    return f"(SELECT key{shown} FROM assigned WHERE NOT removed GROUP BY key)"
