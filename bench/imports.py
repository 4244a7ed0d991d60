"""Contacts imported from a file to committed rows, beside COPY and one bare INSERT of the same rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from bench.ground import NOW, Figure, account, seconds

ROWS = 100_000


def figures(root: Path) -> Iterator[Figure]:
    """A first import (all new) and a second (all changed)."""
    limit = ROWS / _copied()
    yield Figure(
        "contacts imported, all new",
        ROWS / _imported("1"),
        "rows/s",
        limit,
        "COPY and one bare INSERT",
        "≥ 20,000 rows/s",
    )
    yield Figure(
        "contacts imported, all changed",
        ROWS / _imported("2"),
        "rows/s",
        limit,
        "COPY and one bare INSERT",
        "≥ 20,000 rows/s",
    )


def _file(orders: str) -> bytes:
    lines = (f"person{n}@example.net,{orders},1997-12-{n % 28 + 1:02},true" for n in range(ROWS))
    return ("Email,ORDERS,LAST_ORDER,TAG_LAPSED_BUYER\r\n" + "\r\n".join(lines)).encode()


def _imported(orders: str) -> float:
    from usher.engage.imports import run
    from usher.engage.imports.accept import accept
    from usher.engage.lists.edit import create_list
    from usher.engage.models import ContactList, DataField

    own = account()
    for name, kind in (("ORDERS", "Numeric"), ("LAST_ORDER", "Date"), ("TAG_LAPSED_BUYER", "Boolean")):
        DataField.objects.get_or_create(account=own, name=name, defaults={"type": kind})
    found = ContactList.objects.filter(name="Bench").first()
    people = found or create_list(own, "Bench", NOW)
    accepted = accept(own, "bench.csv", _file(orders), NOW, lists=[people])
    took = seconds(lambda: run.run(accepted.pk, NOW))
    accepted.refresh_from_db()
    if accepted.report["newContacts"] + accepted.report["updatedContacts"] != ROWS:
        raise AssertionError(f"not everybody was imported: {accepted.report}")
    return took


def _copied() -> float:
    """COPY into an unlogged table, and from there into one with a key and a JSON value."""
    from django.db import connection

    file = io.BytesIO(_file("1"))
    with connection.cursor() as cursor:
        cursor.execute(
            "create unlogged table bench_copy (email text, orders int, last_order text, tag boolean)"
        )
        cursor.execute("create table bench_people (id bigserial primary key, email text unique, data jsonb)")

        def copy() -> None:
            with cursor.copy("copy bench_copy from stdin (format csv, header)") as writer:
                while block := file.read(1 << 16):
                    writer.write(block)
            cursor.execute(
                """insert into bench_people (email, data)
                   select email, jsonb_build_object('ORDERS', orders, 'LAST_ORDER', last_order, 'TAG', tag)
                   from bench_copy on conflict (email) do nothing"""
            )

        took = seconds(copy)
        cursor.execute("drop table bench_copy, bench_people")
    return took
