"""What was sent as a file, as records of cells: CSV text, or the first sheet of an Excel workbook."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import python_calamine

#: The first bytes of a ZIP, which an .xlsx is, and of an old .xls.
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
#: Bytes that a workbook may unpack to: what 10 MB can be blown up to would fill the memory.
LARGEST_UNPACKED = 120 * 1024 * 1024


class SheetError(Exception):
    """The file as a whole cannot be read; says where and why."""

    retry = False


def is_workbook(content: bytes) -> bool:
    """Is it an Excel file? SheetError for another kind of archive, and for one that unpacks to too much."""
    if content.startswith(_OLD_EXCEL):
        return True
    if not content.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile as problem:
        raise SheetError(f"the archive cannot be read: {problem}") from None
    if not any(part.filename.lower().startswith("xl/workbook.") for part in parts):
        raise SheetError("the archive is no Excel workbook")
    if sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise SheetError(f"the workbook unpacks to more than {LARGEST_UNPACKED // 2**20} MB")
    return True


def records(content: bytes) -> Iterator[list[str]]:
    """The file's records in their order, the headings first."""
    return _of_workbook(content) if is_workbook(content) else _of_text(content)


def _of_text(content: bytes) -> Iterator[list[str]]:
    """As RFC 4180 has them, in UTF-8 with or without a mark."""
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


def _of_workbook(content: bytes) -> Iterator[list[str]]:
    """The rows of the first sheet, as wide as it is; blank rows above the headings are passed over."""
    try:
        with python_calamine.CalamineWorkbook.from_object(io.BytesIO(content)) as book:
            if not book.sheet_names:
                raise SheetError("the workbook has no sheet")
            rows = book.get_sheet_by_index(0).to_python(skip_empty_area=True)
    except (python_calamine.CalamineError, OSError, ValueError) as problem:
        raise SheetError(f"the workbook cannot be read: {problem}") from None
    for row in rows:
        yield [_text(cell) for cell in row]


def _text(cell: object) -> str:
    """A cell as a CSV file would have it: no .0 behind whole numbers, days and moments in ISO form."""
    match cell:
        case bool():
            return str(cell).lower()
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case _:
            return str(cell).replace("\0", "")
