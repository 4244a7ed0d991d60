"""The content of an import on its way into the database and out of it."""

from __future__ import annotations

import psycopg
from django.db import connection

from usher.engage.models import Import


def put(job: Import, content: bytes) -> None:
    """Keep the file with its import, in the transaction that accepts it."""
    with _cursor() as cursor:
        cursor.execute("update engage_import set content = %b where id = %s", [content, job.pk])


def content_of(job: Import) -> bytes:
    with _cursor() as cursor:
        cursor.execute("select content from engage_import where id = %s", [job.pk], binary=True)
        row = cursor.fetchone()
    return bytes(row[0]) if row else b""


def put_results(job: Import, results: str) -> None:
    """Keep what became of each contact of an import of version 3, as JSON."""
    with _cursor() as cursor:
        cursor.execute("update engage_import set results = %s where id = %s", [results, job.pk])


def _cursor() -> psycopg.Cursor[tuple[bytes]]:
    """Django's own cursors write parameters into the statement: 20 MB of digits for a file of 10 MB."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)
