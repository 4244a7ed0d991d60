"""One table as something DuckDB can scan, wherever it lives."""

from __future__ import annotations

import glob
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from usher.rules import Type
from usher.sources import columns, csvfile, sql
from usher.sources.errors import SourceError
from usher.sources.findings import KEPT, Finding, Place
from usher.sources.models import Table


@dataclass(frozen=True)
class Relation:
    """What stands after FROM; `numbered` adds `_file` and `_row` (from 0), which `place` understands."""

    scan: str
    numbered: str
    copies: Mapping[str, csvfile.Copy] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    #: Changes whenever the data may have; None when nothing can be said without reading them.
    signature: str | None = None

    def place(self, file: str, row: int, column: str, reason: str) -> Place:
        copy = self.copies.get(file)
        if copy:
            return Place(reason, copy.file.name, copy.row_number(row), column)
        return Place(reason, Path(file).name, row + 1, column)


def copies_folder(table: Table) -> Path:
    """Where the Parquet copies of a table are kept."""
    folder: Path = settings.USHER_DATA_DIR / "sources" / str(table.pk)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def of_files(table: Table) -> Relation:
    """The files a table's location names: Parquet as it is, CSV through its copy."""
    paths = _paths(table)
    texts = [path for path in paths if path.suffix.lower() != ".parquet"]
    copies = _copies(table, texts)
    places = [str(copies[path].path) if path in copies else str(path) for path in paths]
    return of_parquet(places, {str(copy.path): copy for copy in copies.values()}, _bad_rows(copies))


def of_parquet(
    paths: Sequence[str],
    copies: Mapping[str, csvfile.Copy] | None = None,
    findings: tuple[Finding, ...] = (),
) -> Relation:
    scan = f"read_parquet({sql.texts(paths)}, union_by_name=true)"
    numbered = f"(SELECT *, filename AS _file, file_row_number AS _row FROM {scan})"
    return Relation(scan, numbered, copies or {}, findings, _signature(map(Path, paths)))


def of_database(qualified: str, path: Path | None) -> Relation:
    """A table or view of an attached DuckDB file; `path` is the file where it holds all of the rows."""
    numbered = f"(SELECT *, '' AS _file, row_number() OVER () - 1 AS _row FROM {qualified})"
    if path is None:
        return Relation(qualified, numbered)
    # what was written last may still stand in the log beside the file
    files = [one for one in (path, path.with_name(f"{path.name}.wal")) if one.exists()]
    return Relation(qualified, numbered, signature=_signature(files))


def _signature(paths: Iterable[Path]) -> str:
    """Names, sizes and times of change of the files, and the time zone that their times are read in."""
    seen = [(str(path), (status := path.stat()).st_size, status.st_mtime_ns) for path in paths]
    return hashlib.sha256(json.dumps([settings.TIME_ZONE, seen]).encode()).hexdigest()[:24]


def _paths(table: Table) -> list[Path]:
    pattern = table.location
    found = sorted(Path(path) for path in glob.glob(pattern, recursive=True) if Path(path).is_file())
    if not found:
        raise SourceError(f"{table}: there is no file {pattern}; put it there, or correct the table's file")
    return found


def _copies(table: Table, paths: Sequence[Path]) -> dict[Path, csvfile.Copy]:
    folder = copies_folder(table)
    try:
        files = [csvfile.look(path, folder) for path in paths]
        _demand(table, files)
        types = _types(table, files)
        copies = {file.path: csvfile.copy(file, types, folder) for file in files}
        _drop_old(folder, {copy.path for copy in copies.values()})
        return copies
    except SourceError as problem:
        raise type(problem)(f"{table}: {problem}", retry=problem.retry) from problem
    except OSError as problem:
        raise SourceError(
            f"{table}: {problem.filename or paths[0]} cannot be read ({problem.strerror})"
        ) from None


def _drop_old(folder: Path, used: set[Path]) -> None:
    """Remove copies of files that have changed a day before the newest copy: nobody reads them any more."""
    made = {path: path.stat().st_mtime for path in folder.glob("*.parquet")}
    for path, moment in made.items():
        if path not in used and moment < max(made.values()) - 24 * 3600:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)


def _demand(table: Table, files: Sequence[csvfile.CsvFile]) -> None:
    for file in files:
        for column in table.needed:
            if column not in file.header:
                raise SourceError(
                    f"{file.path} has no column {column} (it has {', '.join(file.header)});"
                    " mend the file, or correct the table's definition"
                )


def _types(table: Table, files: Sequence[csvfile.CsvFile]) -> dict[str, str]:
    """DuckDB's type for every column, from the votes of all files together."""
    types = {}
    for column in dict.fromkeys(name for file in files for name in file.header):
        cast = _sum(file.votes[column] for file in files if column in file.votes)
        types[column] = columns.duckdb_type(_rule_type(table, column, cast), cast)
    return types


def _rule_type(table: Table, column: str, cast: columns.Votes) -> Type:
    if column in table.key_columns:
        return "number" if cast["integer"] == cast["all"] else "text"
    known = table.types.get(column) or (table.columns.get(column) if not cast["all"] else None)
    found: Type = known or columns.chosen(cast)
    return found


def _sum(ballots: Iterable[columns.Votes]) -> Counter[str]:
    total: Counter[str] = Counter()
    for cast in ballots:
        total.update(cast)
    return total


def _bad_rows(copies: Mapping[Path, csvfile.Copy]) -> tuple[Finding, ...]:
    count = sum(copy.bad_rows for copy in copies.values())
    if not count:
        return ()
    places = [place for copy in copies.values() for place in copy.bad][:KEPT]
    return (Finding("bad_rows", "rows that cannot be read were left out", count, tuple(places)),)
