"""Contacts imported from received files to committed rows, beside a bare COPY of the same rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from bench.ground import NOW, Figure, account, seconds

#: Files of nearly 10 MB each, which is the most that is taken; a million rows when `large_imports` is named.
ROWS, FILES, LARGE_FILES = 100_000, 2, 10
FIELDS = {
    "FIRSTNAME": "String",
    "LASTNAME": "String",
    "GENDER": "String",
    "POSTCODE": "String",
    "CITY": "String",
    "NOTE": "String",
    "ORDERS": "Numeric",
    "SPENT": "Numeric",
    "LAST_ORDER": "Date",
    "TAG_LAPSED_BUYER": "Boolean",
}


def figures(root: Path) -> Iterator[Figure]:
    """A first import of all (new) and a second (changed)."""
    yield from _figures(FILES)


def large(root: Path) -> Iterator[Figure]:
    """The same with a million rows, and the memory that it took at most."""
    _forget_peak()
    yield from _figures(LARGE_FILES)
    yield Figure(
        "memory of the process that imports", _peak(), "MB", 500, "what is wanted", "≤ 500 MB", False
    )


def _figures(files: int) -> Iterator[Figure]:
    limit = ROWS / _copied()
    for what, orders in (("new", 1), ("changed", 2)):
        took = sum(_imported(_file(number, orders)) for number in range(files))
        yield Figure(
            f"contacts with 10 fields imported, all {what}, {files * ROWS:,} rows",
            files * ROWS / took,
            "rows/s",
            limit,
            "a bare COPY",
            "≥ 50,000 rows/s",
        )


def _file(number: int, orders: int) -> bytes:
    start = number * ROWS
    lines = (
        f"person{n}@example.net,Name{n % 997},Last{n % 9973},f,{n % 9999:04}AB,City{n % 503},note {n},"
        f"{orders},{n % 9000 / 100},1997-12-{n % 28 + 1:02},true"
        for n in range(start, start + ROWS)
    )
    return (",".join(["Email", *FIELDS]) + "\r\n" + "\r\n".join(lines)).encode()


def _imported(file: bytes) -> float:
    """Seconds from the file that was received to its rows."""
    from usher.engage.imports import run
    from usher.engage.imports.accept import accept
    from usher.engage.models import DataField

    own = account()
    for name, kind in FIELDS.items():
        DataField.objects.get_or_create(account=own, name=name, defaults={"type": kind})

    def work() -> None:
        accepted = accept(own, "bench.csv", file, NOW)
        run.run(accepted.pk, NOW)
        accepted.refresh_from_db(fields=["report"])
        if accepted.report["newContacts"] + accepted.report["updatedContacts"] != ROWS:
            raise AssertionError(f"not everybody was imported: {accepted.report}")

    return seconds(work)


def _copied() -> float:
    """The least that a database can do: the cells as texts, without keys, checks and indexes."""
    from django.db import connection

    file = io.BytesIO(_file(0, 1))
    with connection.cursor() as cursor:
        cursor.execute(f"create table bench_copy (email text, {', '.join(f'{n} text' for n in FIELDS)})")

        def copy() -> None:
            with cursor.copy("copy bench_copy from stdin (format csv, header)") as writer:
                while block := file.read(1 << 16):
                    writer.write(block)

        took = seconds(copy)
        cursor.execute("drop table bench_copy")
    return took


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
