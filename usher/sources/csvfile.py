"""Read a CSV file once per change into a typed Parquet copy; rows that do not fit are listed."""

from __future__ import annotations

import bisect
import csv
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb
from django.conf import settings

from usher.sources import columns, sql
from usher.sources.errors import SourceError, SourceRefusedError
from usher.sources.findings import KEPT, Place

#: Goes into the names of copies: a new number reads everything again.
FORMAT = 1
#: Bytes that are looked at in one go.
BLOCK = 1 << 22
#: So many rows of a file vote for the types of its columns.
SAMPLE = 200_000
#: Row numbers of later findings are worked out from at most so many bad rows.
NUMBERED = 100_000


@dataclass(frozen=True)
class Copy:
    """A file as Parquet, and the rows that were left out."""

    file: Path
    path: Path
    bad_rows: int
    bad: tuple[Place, ...]
    bad_numbers: tuple[int, ...]

    def row_number(self, position: int) -> int | None:
        """The row in the CSV file, counted as a spreadsheet does, of the copy's row `position` (from 0)."""
        if self.bad_rows > len(self.bad_numbers):
            return None
        ahead = [number - before - 2 for before, number in enumerate(self.bad_numbers)]
        return position + 2 + bisect.bisect_right(ahead, position)


@dataclass(frozen=True)
class CsvFile:
    """One file, its header line and the votes of its values."""

    path: Path
    fingerprint: str
    delimiter: str
    header: tuple[str, ...]
    votes: Mapping[str, columns.Votes]


def look(path: Path, folder: Path) -> CsvFile:
    """The file's header and votes, from `folder` where they are known. SourceError if it has no header."""
    mark = _fingerprint(path)
    known = folder / f"{mark}.votes.json"
    delimiter, header = _header(path)
    if known.exists():
        found = json.loads(known.read_text())
    else:
        with _one_line_ending(path, folder) as plain:
            found = _vote(plain, delimiter, header)
        publish_json(known, found)
    return CsvFile(path, mark, delimiter, header, found)


def copy(file: CsvFile, types: Mapping[str, str], folder: Path) -> Copy:
    """The Parquet copy of `file` with these DuckDB types, made now unless it exists."""
    layout = json.dumps([file.fingerprint, settings.TIME_ZONE, [types[name] for name in file.header]])
    target = folder / f"{hashlib.sha256(layout.encode()).hexdigest()[:24]}.parquet"
    notes = target.with_suffix(".json")
    if not (target.exists() and notes.exists()):
        with _one_line_ending(file.path, folder) as plain:
            publish_json(notes, _convert(file, plain, types, target))
    noted = json.loads(notes.read_text())
    bad = tuple(Place(**place) for place in noted["places"])
    return Copy(file.path, target, noted["count"], bad, tuple(noted["numbers"]))


def _fingerprint(path: Path) -> str:
    status = path.stat()
    seen = f"{FORMAT}\0{path}\0{status.st_mtime_ns}\0{status.st_size}"
    return hashlib.sha256(seen.encode()).hexdigest()[:24]


def _header(path: Path) -> tuple[str, tuple[str, ...]]:
    try:
        with path.open("rb") as lines:
            line = lines.readline(1_000_000)
        first = b"".join(line.splitlines()[:1]).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"{path}: the header line is not UTF-8; save the file as CSV UTF-8") from None
    if not first.strip():
        raise SourceError(f"{path}: the file is empty; a header line is expected")
    delimiter = max(",;\t|", key=first.count)
    try:
        names = tuple(name.strip() for name in next(csv.reader([first], delimiter=delimiter)))
    except csv.Error as problem:
        raise SourceError(f"{path}: the header line cannot be read ({problem})") from None
    doubled = {name for name in names if [other.lower() for other in names].count(name.lower()) > 1}
    if doubled or not all(names):
        wrong = f"the column {sorted(doubled)[0]} occurs twice" if doubled else "a column has no name"
        raise SourceError(f"{path}: {wrong} in the header line")
    return delimiter, names


@contextmanager
def _in_our_time_zone() -> Iterator[duckdb.DuckDBPyConnection]:
    """A time without a zone is the organisation's, whatever the machine's is."""
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = {sql.text(settings.TIME_ZONE)}")
        yield connection


def _scan(path: Path, delimiter: str, types: Mapping[str, str], rejects: str) -> str:
    """`read_csv` with nothing left to guess: guessing is what bad rows spoil."""
    names = ", ".join(f"{sql.text(name)}: {sql.text(kind)}" for name, kind in types.items())
    return (
        f"read_csv({sql.text(path)}, auto_detect=false, header=true, delim={sql.text(delimiter)},"
        f" quote='\"', escape='\"', dateformat='%Y-%m-%d', columns={{{names}}}, {rejects})"
    )


@contextmanager
def _one_line_ending(path: Path, folder: Path) -> Iterator[Path]:
    """The file itself, or a passing copy in which every line ends in LF: DuckDB stops at a mixture."""
    ends, pairs, returns = _line_endings(path)
    if returns in (0, ends) and pairs == returns:
        yield path
        return
    # a return alone ends a line only where nothing else does
    alone = b" " if ends else b"\n"
    scratch = folder / f"{path.stem}.{os.getpid()}.tmp.csv"
    try:
        with path.open("rb") as text, scratch.open("wb") as plain:
            for block in _blocks(text):
                plain.write(block.replace(b"\r\n", b"\n").replace(b"\r", alone))
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)


def _line_endings(path: Path) -> tuple[int, int, int]:
    """How many LF, CR LF and CR are in the file."""
    found = (0, 0, 0)
    with path.open("rb") as text:
        for block in _blocks(text):
            ends, pairs, returns = found
            found = (
                ends + block.count(b"\n"),
                pairs + block.count(b"\r\n"),
                returns + block.count(b"\r"),
            )
    return found


def _blocks(text: IO[bytes]) -> Iterator[bytes]:
    """Blocks of some megabytes that do not cut a CR LF in two."""
    while block := text.read(BLOCK):
        yield block + text.read(1) if block.endswith(b"\r") else block


def _vote(path: Path, delimiter: str, header: tuple[str, ...]) -> dict[str, dict[str, int]]:
    ballots = [columns.ballot(name) for name in header]
    scan = _scan(path, delimiter, dict.fromkeys(header, "VARCHAR"), "ignore_errors=true")
    counts = ", ".join(expression for ballot in ballots for expression in ballot)
    with _in_our_time_zone() as connection:
        row = sql.row(connection, f"SELECT {counts} FROM (FROM {scan} LIMIT {SAMPLE})")
    width = len(ballots[0])
    return {name: columns.votes(row[at * width : (at + 1) * width]) for at, name in enumerate(header)}


def _convert(file: CsvFile, plain: Path, types: Mapping[str, str], target: Path) -> dict[str, Any]:
    """Write the Parquet copy under a temporary name, rename it, and answer which rows were left out."""
    scratch = target.with_suffix(f".{os.getpid()}.tmp")
    scan = _scan(
        plain,
        file.delimiter,
        {name: types[name] for name in file.header},
        "store_rejects=true, rejects_limit=0, rejects_table='rejected', rejects_scan='scans'",
    )
    with _in_our_time_zone() as connection:
        connection.execute(f"COPY (FROM {scan}) TO {sql.text(scratch)} (FORMAT parquet)")
        notes = _rejected(connection, file)  # before anything is published
    if _fingerprint(file.path) != file.fingerprint:
        scratch.unlink()
        raise SourceError(f"{file.path} was changed while it was read; try again", retry=True)
    scratch.replace(target)
    return notes


#: A stray quote takes the following lines for part of its value: then the rest cannot simply go on.
#: (A message about a value of several lines is cut after the first, before the type that was wanted.)
_HIDES_ROWS = """error_type = 'LINE SIZE OVER MAXIMUM'
    OR error_type = 'UNQUOTED VALUE' AND contains(csv_line, chr(10))
    OR error_type = 'CAST' AND contains(csv_line, chr(10)) AND NOT contains(error_message, '" to ')"""


def _rejected(connection: duckdb.DuckDBPyConnection, file: CsvFile) -> dict[str, Any]:
    (row,) = sql.row(connection, f"SELECT min(line) FROM rejected WHERE {_HIDES_ROWS}")
    if row:
        raise SourceRefusedError(
            f"{file.path}: a quoted value that starts in row {row} does not end, and hides the rows"
            " after it; mend the quotes"
        )
    found = connection.execute(
        "SELECT line, coalesce(any_value(column_name ORDER BY column_idx), ''),"
        " any_value(error_type::VARCHAR ORDER BY column_idx), any_value(error_message ORDER BY column_idx)"
        " FROM rejected GROUP BY line ORDER BY line"
    ).fetchall()
    places = [
        {"file": file.path.name, "row": line, "column": column, "reason": _reason(kind, message)}
        for line, column, kind, message in found[:KEPT]
    ]
    return {"count": len(found), "places": places, "numbers": [line for line, *_ in found[:NUMBERED]]}


def _reason(kind: str, message: str) -> str:
    if kind == "CAST" and (found := re.search(r'string "(.*)" to \'(\w+)\'', message, re.DOTALL)):
        value, wanted = found.groups()
        return f"“{value[:60]}” is not a {columns.rule_type(wanted.split()[0]) or wanted}"
    if found := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return f"{found[1]} columns expected, {found[2]} found"
    plain = {
        "UNQUOTED VALUE": "a quoted value does not end",
        "INVALID ENCODING": "not UTF-8",
    }
    return plain.get(kind, message.splitlines()[0] if message else kind)


def publish_json(path: Path, content: object) -> None:
    """Write under a temporary name, which no other process or thread uses, and rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
    scratch.write_text(json.dumps(content))
    scratch.replace(path)
