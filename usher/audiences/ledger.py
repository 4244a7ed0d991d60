"""Whole numbers about keys, as arrays in files: a place for each key, a column for each question.

The base is written once. What changes a number later is written into further files, as the place and the
difference; a number is what all files say together. So the numbers of some keys are read without the others',
and what an evaluation adds is as small as what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Places = NDArray[np.int32]
#: How a difference is put to a number.
By = Literal["sum", "min", "max", "xor"]

#: What stands for a key about which nothing is known.
EMPTY: Mapping[By, int] = {"sum": 0, "xor": 0, "min": 2**63 - 1, "max": -(2**63)}
_PUT: Mapping[By, Any] = {"sum": np.add, "xor": np.bitwise_xor, "min": np.minimum, "max": np.maximum}
#: A ledger is begun anew when more files than this were added to it, or differences to this share of it.
FILES = 60
SHARE = 0.5
#: Whole numbers as keys are looked up by themselves when the greatest is at most so many times their number.
SPARSE = 8
#: So many rows are written in one go.
BATCH = 100_000
#: How DuckDB's errors begin for which the values are to blame, and not the disk or the memory.
_OF_DATA = ("Conversion Error", "Out of Range Error", "Invalid Input Error")


@dataclass
class Ledger:
    """The files; `keys` of those that came after the base was written, whose places follow."""

    columns: dict[str, By]
    base: Path
    keys: list[Path] = field(default_factory=list)
    added: list[Path] = field(default_factory=list)
    _notes: Places = field(default_factory=lambda: np.empty(0, np.int32), repr=False, compare=False)

    @classmethod
    def of(cls, mark: Mapping[str, Any]) -> Ledger:
        """From what an evaluation noted."""
        keys, added = ([Path(file) for file in mark[kind]] for kind in ("keys", "added"))
        return cls(dict(mark["columns"]), Path(mark["base"]), keys, added)

    def mark(self, scratch: Path, home: Path) -> dict[str, Any]:
        """To be noted; files in `scratch` will stand in `home`."""

        def settled(file: Path) -> str:
            return str(home / file.name if file.parent == scratch else file)

        return {
            "columns": self.columns,
            "base": settled(self.base),
            "keys": [settled(file) for file in self.keys],
            "added": [settled(file) for file in self.added],
        }

    @property
    def files(self) -> list[Path]:
        return [self.base, *self.keys, *self.added]

    @property
    def is_there(self) -> bool:
        return all(file.exists() for file in self.files)

    @property
    def is_full(self) -> bool:
        """Whether it is time to begin anew: so much was added that it is no more work than to go on."""
        changed = sum(len(one.places) for one in self.changes)
        return len(self.added) > FILES or changed > SHARE * self.size * len(self.columns)

    @property
    def size(self) -> int:
        """How many keys have a place."""
        return len(self.places)

    @cached_property
    def places(self) -> pa.Table:
        """Every key and its place."""
        keys = [_opened(file).select(["key"]) for file in (self.base, *self.keys)]
        together = pa.concat_tables(keys)
        return together.append_column("place", pa.array(np.arange(len(together), dtype=np.int32)))

    @cached_property
    def _base(self) -> pa.Table:
        return _opened(self.base)

    @cached_property
    def changes(self) -> list[Changes]:
        return [Changes.of(file) for file in self.added]

    def placed(self, connection: duckdb.DuckDBPyConnection, keys: pa.ChunkedArray) -> Places:
        """The place of each of these keys; -1: it has none."""
        if not len(keys):
            return np.empty(0, np.int32)
        if self._direct is not None and keys.type == pa.int64():
            asked = keys.to_numpy()
            known = (asked >= 0) & (asked < len(self._direct))
            return np.where(known, self._direct[np.where(known, asked, 0)], np.int32(-1))
        rows = pa.table({"key": keys, "row": pa.array(np.arange(len(keys), dtype=np.int32))})
        connection.register("near_keys", rows)
        connection.register("near_places", self.places)
        found = connection.sql(
            "SELECT row, place FROM near_places JOIN near_keys USING (key)"
        ).to_arrow_table()
        places = np.full(len(keys), -1, dtype=np.int32)
        places[found["row"].to_numpy()] = found["place"].to_numpy()
        return places

    @cached_property
    def _direct(self) -> Places | None:
        """The place by key, where keys are whole numbers that lie close together."""
        keys = self.places["key"]
        if keys.type != pa.int64() or not len(keys):
            return None
        numbers = keys.to_numpy()
        if numbers.min() < 0 or numbers.max() > SPARSE * len(numbers):
            return None
        found = np.full(int(numbers.max()) + 1, -1, dtype=np.int32)
        found[numbers] = np.arange(len(numbers), dtype=np.int32)
        return found

    def more_keys(self, keys: pa.ChunkedArray, file: Path) -> None:
        """Give a place to each of these keys, which have none yet."""
        _write_table(pa.table({"key": keys}), file)
        self.keys.append(file)
        for known in ("places", "_direct"):
            self.__dict__.pop(known, None)

    def add(self, changes: Changes, file: Path) -> None:
        """Put differences to numbers."""
        named = ("question", "place", "number")
        rows = pa.table([changes.questions, changes.places, changes.numbers], names=named)
        _write_table(rows, file)
        self.added.append(file)
        self.__dict__.pop("changes", None)

    def at(self, column: str, places: Places) -> Numbers:
        """The numbers of a column at some places, in order and each mentioned once."""
        by, number = self.columns[column], list(self.columns).index(column)
        numbers = np.full(len(places), EMPTY[by], dtype=np.int64)
        if column in self._base.column_names:
            first = 0
            for chunk in self._base[column].chunks:
                begin, end = np.searchsorted(places, np.array([first, first + len(chunk)], np.int32))
                numbers[begin:end] = chunk.to_numpy()[places[begin:end] - first]
                first += len(chunk)
        index = self._index
        index[places] = np.arange(len(places), dtype=np.int32)
        for one in self.changes:
            part = one.part(number)
            mine = index[one.places[part]]
            known = mine >= 0
            numbers[mine[known]] = _PUT[by](numbers[mine[known]], one.numbers[part][known])
        index[places] = -1
        return numbers

    @property
    def _index(self) -> Places:
        """A place for a note at each place, -1 when it is not in use."""
        if len(self._notes) != self.size:
            self._notes = np.full(self.size, -1, dtype=np.int32)
        return self._notes

    def among(self, places: Places) -> dict[str, Numbers]:
        """Column -> the numbers at some places, each mentioned once; -1: a key that has none."""
        index = np.full(self.size + 1, -1, dtype=np.int32)  # one more, which -1 means
        index[places] = np.arange(len(places), dtype=np.int32)
        index[-1] = -1
        there = np.flatnonzero((places >= 0) & (places < len(self._base)))
        rows = pa.array(places[there])
        changed = [(one, index[one.places]) for one in self.changes]
        found = {}
        for number, (column, by) in enumerate(self.columns.items()):
            numbers = np.full(len(places), EMPTY[by], dtype=np.int64)
            if column in self._base.column_names:
                numbers[there] = self._base[column].take(rows).to_numpy()
            for one, mine in changed:
                part = one.part(number)
                at, known = mine[part], mine[part] >= 0
                numbers[at[known]] = _PUT[by](numbers[at[known]], one.numbers[part][known])
            found[column] = numbers
        return found

    def column(self, column: str) -> Numbers:
        """The numbers of all places."""
        return self._between(column, 0, self.size)

    def _between(self, column: str, first: int, last: int) -> Numbers:
        """The numbers of the places from `first` on and before `last`."""
        by, number = self.columns[column], list(self.columns).index(column)
        numbers = np.full(last - first, EMPTY[by], dtype=np.int64)
        if column in self._base.column_names:
            said = self._base[column].slice(first, last - first).to_numpy()
            numbers[: len(said)] = said
        for one in self.changes:
            part = one.part(number, first, last)
            at = one.places[part] - first
            numbers[at] = _PUT[by](numbers[at], one.numbers[part])
        return numbers

    @property
    def is_one(self) -> bool:
        """Whether the base says it all."""
        return not (self.keys or self.added)

    def everybody(self) -> Any:
        """Of a ledger that is one: what DuckDB can read piece by piece, `key` and all columns."""
        return pyarrow.dataset.dataset(self.base, format="ipc")

    def anew(self, file: Path, columns: Iterable[str]) -> Ledger:
        """The same numbers of these columns as a new base, in batches; files just written are dropped."""
        made = Ledger({one: self.columns[one] for one in columns}, file)
        keys = self.places["key"]
        schema = pa.schema([("key", keys.type), *((one, pa.int64()) for one in made.columns)])
        with pa.OSFile(str(file), "wb") as target, pa.ipc.new_file(target, schema) as writer:
            for first in range(0, self.size, BATCH):
                last = min(first + BATCH, self.size)
                numbers = [self._between(one, first, last) for one in made.columns]
                writer.write_table(pa.table([keys.slice(first, last - first), *numbers], schema=schema))
        for old in self.files:
            if old.parent == file.parent:
                old.unlink()
        return made


@dataclass(frozen=True)
class Changes:
    """What one evaluation puts to the numbers, by question (the number of the column) and by place."""

    questions: NDArray[np.int16]
    places: Places
    numbers: Numbers

    @classmethod
    def of(cls, file: Path) -> Changes:
        rows = _opened(file)
        return cls(*(rows[name].to_numpy() for name in ("question", "place", "number")))

    @classmethod
    def gathered(cls, parts: Sequence[tuple[int, Places, Numbers, By]]) -> Changes:
        """Of each question the places, some more than once, with what is put to the number of each."""
        found = [(question, *_once(places, numbers, by)) for question, places, numbers, by in parts]
        found.sort(key=lambda part: part[0])
        return cls(
            np.repeat(np.array([one[0] for one in found], np.int16), [len(one[1]) for one in found]),
            np.concatenate([np.empty(0, np.int32), *(one[1] for one in found)]),
            np.concatenate([np.empty(0, np.int64), *(one[2] for one in found)]),
        )

    def part(self, column: int, first: int = 0, last: int | None = None) -> slice:
        """Where the differences of a column stand; of the places from `first` on and before `last` only."""
        # of the arrays' own types: else numpy would make a copy of the whole array at each call
        begin, end = map(int, np.searchsorted(self.questions, np.array([column, column + 1], np.int16)))
        if last is None:
            return slice(begin, end)
        inside = np.searchsorted(self.places[begin:end], np.array([first, last], np.int32))
        return slice(begin + int(inside[0]), begin + int(inside[1]))

    def put_to(self, numbers: Numbers, places: Places, column: int, by: By) -> Numbers:
        """The numbers of a column at some places, in order and each mentioned once, with this put to them."""
        part, found = self.part(column), numbers.copy()
        if not len(places):
            return found
        at = np.searchsorted(places, self.places[part])
        known = np.flatnonzero(places[np.minimum(at, len(places) - 1)] == self.places[part])
        found[at[known]] = _PUT[by](found[at[known]], self.numbers[part][known])
        return found


def _once(places: Places, numbers: Numbers, by: By) -> tuple[Places, Numbers]:
    """Each place once, in order, with all that is put to it as one; nothing where that changes nothing."""
    if not len(places):
        return places.astype(np.int32), numbers
    order = np.argsort(places, kind="stable")
    places = places[order]
    starts = np.flatnonzero(np.concatenate([[True], places[1:] != places[:-1]]))
    together = _PUT[by].reduceat(numbers[order], starts)
    telling = together != EMPTY[by]
    return places[starts][telling].astype(np.int32), together[telling]


def begin(connection: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, By], file: Path) -> Ledger:
    """A ledger of a query's rows: `key`, each once, and the columns, as whole numbers that are never null."""
    _write(connection, query, file)
    return Ledger(dict(columns), file)


def _write(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    rows = connection.sql(query).to_arrow_reader(BATCH)
    with pa.OSFile(str(file), "wb") as target, pa.ipc.new_file(target, rows.schema) as writer:
        for batch in _batches(rows):
            writer.write_batch(batch)


def _write_table(rows: pa.Table, file: Path) -> None:
    with pa.OSFile(str(file), "wb") as target, pa.ipc.new_file(target, rows.schema) as writer:
        writer.write_table(rows)


def _batches(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """What goes wrong after the first batch comes through Arrow, and no longer as DuckDB's own error."""
    try:
        yield from rows
    except OSError as problem:
        if str(problem).startswith(_OF_DATA):
            raise duckdb.DataError(str(problem)) from problem
        raise


def _opened(file: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()
