"""CSV files of people to tag: which column says who they are, and the entry of each row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from usher.audiences.errors import AudienceError
from usher.audiences.matching import Word
from usher.sources.models import Table

Match = Literal["key", "email"]

#: Headers that are recognised besides those of the customers' own table; compared without case and marks.
KEYS = ("key", "id", "customer", "customerid", "customerkey", "customernumber")
EMAILS = ("email", "emailaddress", "mail", "address")


@dataclass(frozen=True)
class Column:
    """Where in a file the customers stand, and what stands there."""

    name: str
    match: Match
    index: int


@dataclass(frozen=True)
class Sheet:
    """An open file: its column, and its rows as they are read."""

    file: str
    column: Column
    words: Iterator[Word]


@contextmanager
def opened(path: Path, *, column: str = "", match: Match | None = None, name: str = "") -> Iterator[Sheet]:
    """Read a CSV file (UTF-8; commas, semicolons or tabs) whose first row names its columns.

    `column` and `match` are recognised where they are not given. `name` is what the file is called.
    AudienceError names file, row and field; of a row that is too short the entry is empty.
    """
    called = name or path.name
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            first = lines.readline(1_000_000)
            if not first.strip():
                raise AudienceError(f"{called}: the file is empty; its first row names the columns")
            delimiter = max(",;\t|", key=first.count)
            header = next(csv.reader([first], delimiter=delimiter))
            chosen = _chosen(called, header, column, match)
            yield Sheet(called, chosen, _words(called, csv.reader(lines, delimiter=delimiter), chosen))
    except OSError as problem:
        raise AudienceError(f"{called} cannot be read: {problem.strerror}") from None


def _words(called: str, rows: Iterator[list[str]], column: Column) -> Iterator[Word]:
    """`row` counts as a spreadsheet does: the header is row 1. Empty lines are no entries."""
    number = 1
    try:
        for number, row in enumerate(rows, start=2):
            if row:
                yield Word(number, row[column.index] if column.index < len(row) else "", column.match)
    except csv.Error as problem:
        raise AudienceError(f"{called}, row {number + 1}: {problem}") from None


def _chosen(called: str, header: Sequence[str], column: str, match: Match | None) -> Column:
    names = [name.strip() for name in header]
    if column:
        index = next((at for at, name in enumerate(names) if name.lower() == column.strip().lower()), None)
        if index is None:
            raise AudienceError(f"{called} has no column “{column}”; it has {', '.join(names)}")
        kind = match or _recognised(names[index])
        if kind is None:
            raise AudienceError(f"{called}: say whether the column “{names[index]}” holds keys or addresses")
        return Column(names[index], kind, index)
    for wanted in ("key", "email") if match is None else (match,):
        for index, name in enumerate(names):
            if _recognised(name) == wanted:
                return Column(name, wanted, index)
    sought = {"key": "keys", "email": "addresses", None: "keys or addresses"}[match]
    raise AudienceError(f"{called}: no column is known to hold {sought} among {', '.join(names)}; choose one")


def _recognised(name: str) -> Match | None:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    subject = Table.objects.filter(subject=True).first()
    if subject and name.lower() == subject.email.lower():
        return "email"
    if plain in KEYS or (subject and name.lower() == subject.key.lower()):
        return "key"
    return "email" if plain in EMAILS else None
