"""Read an import file: its headings, its rows, and what is wrong with each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from usher.engage.contacts.values import READERS, MisfitError, Value
from usher.engage.models.contacts import EmailType, OptInType
from usher.lib import addresses

INVALID_EMAIL = "Invalid Email"
DUPLICATE = "Duplicate"
WRONG_CELLS = "Invalid Entry: wrong number of cells"

Reader = Callable[[object], Value | None]


class SheetError(Exception):
    """The file as a whole cannot be read; says where and why."""

    retry = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row that may be imported, or a `fault` that says why it may not."""

    #: 1 is the first row under the headings
    number: int
    cells: list[str]
    fault: str = ""
    email: str = ""
    opt_in_type: str | None = None
    email_type: str | None = None
    data: Mapping[str, Value | None] | None = None


@dataclass(frozen=True)
class Columns:
    """What each column of a file is for."""

    headings: list[str]
    email: int
    #: (name, column, reader) of each column that is a data field
    fields: list[tuple[str, int, Reader]]
    opt_in_type: int | None
    email_type: int | None
    #: Headings that name nothing we know.
    ignored: list[str]


def columns_of(content: bytes, kinds: Mapping[str, str]) -> Columns:
    """What the file's columns are for; `kinds` are the account's data fields: upper-case name -> type.

    SheetError when the file is no CSV text, has no Email column, or has a heading twice.
    """
    headings = next(_records(content), [])
    places: dict[str, int] = {}
    for column, heading in enumerate(headings):
        if heading.strip() and places.setdefault(heading.strip().upper(), column) != column:
            raise SheetError(f"the heading {heading!r} stands twice")
    if "EMAIL" not in places:
        raise SheetError("no column is headed Email")
    own = {"EMAIL", "OPTINTYPE", "EMAILTYPE"}
    fields = [
        (name, column, READERS[kinds[name]])
        for name, column in places.items()
        if name in kinds and name not in own
    ]
    ignored = [name for name in places if name not in kinds and name not in own]
    return Columns(
        headings, places["EMAIL"], fields, places.get("OPTINTYPE"), places.get("EMAILTYPE"), ignored
    )


def rows(content: bytes, columns: Columns) -> Iterator[Row]:
    """Every row below the headings that is not blank, checked; the first good row of an address counts."""
    records = _records(content)
    next(records)
    width = len(columns.headings)
    seen: set[str] = set()
    for number, cells in enumerate(records, 1):
        if not any(cells):
            continue
        if len(cells) != width:
            yield Row(number, cells, WRONG_CELLS)
            continue
        row = _checked(number, cells, columns)
        key = row.email.lower()
        if not row.fault and key in seen:
            row = Row(number, cells, DUPLICATE)
        seen.add(key)
        yield row


def _checked(number: int, cells: list[str], columns: Columns) -> Row:
    email = cells[columns.email].strip()
    if addresses.problem(email):
        return Row(number, cells, INVALID_EMAIL)
    data = {}
    for name, column, reader in columns.fields:
        try:
            data[name] = reader(cells[column]) if cells[column] else None
        except MisfitError:
            return Row(number, cells, f"Invalid Entry: {name}")
    opt_in = _choice(cells, columns.opt_in_type, OptInType.values)
    email_type = _choice(cells, columns.email_type, EmailType.values)
    return Row(number, cells, "", email, opt_in, email_type, data)


def _choice(cells: list[str], column: int | None, choices: Iterable[str]) -> str | None:
    """The choice that the cell names in any case of letters; None without a column or for another word."""
    if column is None:
        return None
    word = cells[column].strip().lower()
    return next((choice for choice in choices if choice.lower() == word), None)


def _records(content: bytes) -> Iterator[list[str]]:
    """The file's records as RFC 4180 has them, in UTF-8 with or without a mark."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise SheetError(f"line {line} is not UTF-8 text") from None
    if "\0" in text:
        raise SheetError(f"line {text.count(chr(10), 0, text.index(chr(0))) + 1} has a NUL character")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from reader
    except csv.Error as problem:
        raise SheetError(f"line {reader.line_num} cannot be read: {problem}") from None
