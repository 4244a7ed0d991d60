"""CSV files of people to tag: which column says who they are, and the entry of each row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from usher.audiences.errors import AudienceError
from usher.audiences.matching import Word
from usher.sources.models import Table

Match = Literal["key", "email"]


class ColumnError(AudienceError):
    """No column of a file is known to say who the customers are: somebody has to name one."""


#: Headers that are recognised besides those of the customers' own table; compared without case and marks.
KEYS = ("key", "id", "customer", "customerid", "customerkey", "customernumber")
EMAILS = ("email", "emailaddress", "mail", "address")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


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
    """Read a CSV file (UTF-8, or marked UTF-16; commas, semicolons or tabs); its first row names its columns.

    `column` and `match` are recognised where they are not given. `name` is what the file is called.
    AudienceError names file, row and field; of a row that is too short the entry is empty.
    """
    called = name or path.name
    with _open(path, called) as (header, rows):
        chosen = _chosen(called, header, column, match)
        second = None if column or match or chosen.match != "key" else _addresses(header)
        yield Sheet(called, chosen, _words(called, rows, chosen, second))


def columns(path: Path, *, name: str = "") -> list[str]:
    """The names of a file's columns, in order, each once, for somebody to choose from; AudienceError."""
    with _open(path, name or path.name) as (header, _):
        return list(dict.fromkeys(filter(None, header)))


@contextmanager
def _open(path: Path, called: str) -> Iterator[tuple[list[str], _Rows]]:
    """The names in the first row, and the rows below it."""
    try:
        with path.open(encoding=_encoding(path), errors="replace", newline="") as lines:
            first = lines.readline(1_000_000)
            if not first.strip():
                raise AudienceError(f"{called}: the file is empty; its first row names the columns")
            delimiter = max(",;\t|", key=first.count)
            header = next(csv.reader([first], delimiter=delimiter))
            yield [name.strip() for name in header], _Rows(lines, delimiter)
    except OSError as problem:
        raise AudienceError(f"{called} cannot be read: {problem.strerror}") from None


class _Rows:
    """The rows of an open file with their numbers; a quote that never ends would hide what is below it."""

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self.ended = False
        self.rows = csv.reader(self._lines(lines), delimiter=delimiter)

    def _lines(self, lines: Iterator[str]) -> Iterator[str]:
        yield from lines
        self.ended = True

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        number = 1
        try:
            for number, row in enumerate(self.rows, start=2):
                # the reader asks for a line after the last only while a value is open
                if self.ended:
                    raise csv.Error(
                        "a quoted value does not end, and hides the rows after it; mend the quotes"
                    )
                yield number, row
        except csv.Error as problem:
            raise csv.Error(f"row {number + (not self.ended)}: {problem}") from None


def _words(called: str, rows: _Rows, column: Column, second: Column | None) -> Iterator[Word]:
    """`row` counts as a spreadsheet does: the header is row 1. Empty lines are no entries.

    Where a row's key is empty, its address says who is meant.
    """
    try:
        for number, row in rows:
            if row:
                text, match = _cell(row, column), column.match
                if not text and second and _cell(row, second):
                    text, match = _cell(row, second), second.match
                yield Word(number, text, match)
    except csv.Error as problem:
        raise AudienceError(f"{called}, {problem}") from None


def _cell(row: Sequence[str], column: Column) -> str:
    return row[column.index].strip() if column.index < len(row) else ""


def _addresses(header: Sequence[str]) -> Column | None:
    found = (at for at, name in enumerate(header) if _recognised(name) == "email")
    return next((Column(header[at], "email", at) for at in found), None)


def _encoding(path: Path) -> str:
    """UTF-16 where the file begins with its mark, as spreadsheets write it; else UTF-8."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _chosen(called: str, names: Sequence[str], column: str, match: Match | None) -> Column:
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
    _demand_names(called, names)
    sought = {"key": "keys", "email": "addresses", None: "keys or addresses"}[match]
    raise ColumnError(f"{called}: no column is known to hold {sought} among {', '.join(names)}; choose one")


def _demand_names(called: str, names: Sequence[str]) -> None:
    """A file that begins with its first customer would lose them as names of columns."""
    address = next((name for name in names if _ADDRESS.fullmatch(name)), None)
    if address:
        raise AudienceError(
            f"{called}: its first row holds the address {address[:100]} where the columns are named;"
            " put a row with names above it, such as: email"
        )


def _recognised(name: str) -> Match | None:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    subject = Table.objects.filter(subject=True).first()
    if subject and name.lower() == subject.email.lower():
        return "email"
    if plain in KEYS or (subject and name.lower() == subject.key.lower()):
        return "key"
    return "email" if plain in EMAILS else None
