"""Read an import file: its headings, its rows, and what is wrong with each row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring
from typing import NamedTuple

from usher.engage.contacts.values import FROM_TEXT, MisfitError
from usher.engage.models.contacts import EmailType, FieldType, OptInType
from usher.lib import addresses

INVALID_EMAIL = "Invalid Email"
DUPLICATE = "Duplicate"
WRONG_CELLS = "Invalid Entry: wrong number of cells"

_OPT_IN_TYPES = {word.lower(): word for word in OptInType.values}
_EMAIL_TYPES = {word.lower(): word for word in EmailType.values}

#: From a cell to its value as JSON; MisfitError when it does not fit the field.
Reader = Callable[[str], str]


class SheetError(Exception):
    """The file as a whole cannot be read; says where and why."""

    retry = False


class Row(NamedTuple):
    """One row that may be imported, or a `fault` that says why it may not."""

    #: 1 is the first row under the headings
    number: int
    cells: list[str]
    fault: str = ""
    email: str = ""
    opt_in_type: str | None = None
    email_type: str | None = None
    #: a JSON object: the value of each data field of the file, null for a blank cell
    data: str = "{}"


@dataclass(frozen=True)
class Columns:
    """What each column of a file is for."""

    headings: list[str]
    email: int
    #: (name as JSON and colon, column, reader) of each column that is a data field
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
        (f"{json.dumps(name)}:", column, _reader(kinds[name]))
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
    data = []
    for name, column, reader in columns.fields:
        try:
            data.append(name + reader(cells[column]))
        except MisfitError:
            return Row(number, cells, f"Invalid Entry: {json.loads(name[:-1])}")
    opt_in = _choice(cells, columns.opt_in_type, _OPT_IN_TYPES)
    email_type = _choice(cells, columns.email_type, _EMAIL_TYPES)
    return Row(number, cells, "", email, opt_in, email_type, "{" + ",".join(data) + "}")


def _reader(kind: str) -> Reader:
    """JSON is written here and not by `json.dumps` for each row: that alone would halve the speed."""
    parse = FROM_TEXT[kind]

    def text(cell: str) -> str:
        return encode_basestring(str(parse(cell))) if cell else "null"

    def other(cell: str) -> str:
        return json.dumps(parse(cell)) if cell else "null"

    return text if kind == FieldType.STRING else lru_cache(4096)(other)


def _choice(cells: list[str], column: int | None, choices: Mapping[str, str]) -> str | None:
    """The choice that the cell names in any case of letters; None without a column or for another word."""
    return None if column is None else choices.get(cells[column].strip().lower())


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
