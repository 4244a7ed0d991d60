"""What was sent as a file, as records of cells: CSV text, or the first sheet of an Excel workbook."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import dropwhile

import python_calamine

#: The first bytes of a ZIP, which an .xlsx is, and of an old .xls.
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
#: The marks of UTF-16, as Excel's "Unicode text" begins.
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = ",;\t|"
#: Letters in which the headings are looked for.
LONGEST_HEAD = 100_000
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
    if is_workbook(content):
        yield from _of_workbook(content)
        return
    text = text_of(content)
    yield from _of_text(text, delimiter_of(text))


def text_of(content: bytes) -> str:
    """UTF-8 with or without a mark, or UTF-16 with one. SheetError for others: names are not guessed."""
    kind = "UTF-16" if content.startswith(_UTF_16) else "UTF-8"
    try:
        text = content.decode("utf-16" if kind == "UTF-16" else "utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise SheetError(f"line {line} is not {kind} text: save the file as CSV in UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SheetError(f"line {line} has a NUL character: save the file as CSV in UTF-8")
    return text


def delimiter_of(text: str) -> str:
    """What stands between cells: the first of , ; tab | that makes one of the headings Email."""
    head = text[:LONGEST_HEAD]
    return next((one for one in DELIMITERS if _has_email(head, one)), DELIMITERS[0])


def _has_email(head: str, delimiter: str) -> bool:
    try:
        headings = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return False
    return any(heading.strip().upper() == "EMAIL" for heading in headings)


def _of_text(text: str, delimiter: str) -> Iterator[list[str]]:
    """As RFC 4180 has them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
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
            # not as a list: that would be five times the sheet
            rows = book.get_sheet_by_index(0).iter_rows()
            for row in dropwhile(lambda cells: not any(map(str, cells)), rows):
                yield [_text(cell) for cell in row]
    except (python_calamine.CalamineError, OSError, ValueError) as problem:
        raise SheetError(f"the workbook cannot be read: {problem}") from None


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
