"""Check the rows of an import file, thousands at a time and column by column, and write them for COPY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usher.engage.imports.blocks import Block
from usher.engage.imports.cells import Read, emails
from usher.engage.imports.columns import Column, Columns

INVALID_EMAIL = "Invalid Email"
DUPLICATE = "Duplicate"
WRONG_CELLS = "Invalid Entry: wrong number of cells"

#: Stands for null in COPY's text.
_NULL = r"\N"


class Fault(NamedTuple):
    """A row that may not be imported, and why."""

    #: 1 is the first row under the headings
    number: int
    cells: list[str]
    reason: str


class Checked(NamedTuple):
    """Some rows of a file: the good ones as lines for COPY, the others with what is wrong."""

    #: How many are good.
    rows: int
    lines: bytes
    keys: list[str]
    faults: list[Fault]


def staged(columns: Columns) -> list[str]:
    """The columns of the staging table that the lines fill, in their order."""
    objects = [name for name in ("data", "consent", "choices") if getattr(columns, name)]
    return ["row", "email", "email_key", *columns.single, *objects]


def check(blocks: Iterable[Block], columns: Columns) -> Iterator[Checked]:
    """Every row that is not blank; the first good row of an address counts."""
    seen = _Seen(columns)
    for block in blocks:
        yield _check(block, columns, seen)


class _Seen:
    """Addresses and mobile numbers of good rows so far."""

    def __init__(self, columns: Columns) -> None:
        self._known: dict[str, set[str]] = {"email": set(), "mobile_number": set()}
        self._of = [name for name in self._known if name == "email" or name in columns.single]

    def again(self, values: Mapping[str, Sequence[str]], wrong: dict[int, str]) -> None:
        """Note the rows as faulty that say what an earlier one said; remember what the others say."""
        columns = [(self._known[name], values[name]) for name in self._of]
        if not wrong and all(_are_new(known, said) for known, said in columns):
            for known, said in columns:
                known.update(said)
            return
        for index in range(len(values["email"])):
            if index in wrong:
                continue
            if any(said[index] and said[index] in known for known, said in columns):
                wrong[index] = DUPLICATE
            else:
                for known, said in columns:
                    known.add(said[index])


def _are_new(known: set[str], said: Sequence[str]) -> bool:
    return len(set(said)) == len(said) and known.isdisjoint(said)


def _check(block: Block, columns: Columns, seen: _Seen) -> Checked:
    faults = [Fault(number, cells, WRONG_CELLS) for number, cells in block.ragged]
    if not block.numbers:
        return Checked(0, b"", [], faults)
    address = emails(block.columns[columns.email])
    wrong = dict.fromkeys(address.misfits, INVALID_EMAIL)
    read = {column: column.read(block.columns[column.place]) for column in columns.all}
    for column, found in read.items():
        for index in found.misfits:
            wrong.setdefault(index, f"Invalid Entry: {column.heading}"[:40])
    lower = pc.ascii_lower(address.values)
    keys: list[str] = lower.to_pylist()
    said = {name: read[column].values.to_pylist() for name, column in columns.single.items()}
    seen.again({"email": keys} | said, wrong)
    lines = _lines(block, columns, [address.values, lower], read)
    if wrong:
        cells = ((index, block.cells(index)) for index in sorted(wrong))
        faults += [Fault(block.numbers[index], row, wrong[index]) for index, row in cells if any(row)]
        good = [index not in wrong for index in range(len(block.numbers))]
        lines, keys = lines.filter(pa.array(good)), list(compress(keys, good))
    return Checked(len(keys), _bytes(lines), keys, faults)


def _lines(block: Block, columns: Columns, addresses: list[Any], read: Mapping[Column, Read]) -> Any:
    """An array with a line of COPY's text format for each row."""
    told = [pc.cast(pa.array(block.numbers, pa.int32()), pa.string()), *addresses]
    told += [pc.fill_null(read[column].values, _NULL) for column in columns.single.values()]
    for objects in (columns.data, columns.consent, columns.choices):
        if objects:
            told.append(_escaped(_objects([(column.key, read[column].values) for column in objects])))
    told[-1] = pc.binary_join_element_wise(told[-1], "\n", "")
    return pc.binary_join_element_wise(*told, "\t")


def _objects(values: Iterable[tuple[str, Any]]) -> Any:
    """One JSON object for each row, without what is blank; its keys in the order that jsonb keeps."""
    ordered = sorted(values, key=lambda one: (len(one[0].encode()), one[0].encode()))
    pairs = [pc.binary_join_element_wise(f',"{key}":', value, "") for key, value in ordered]
    inner = pc.ascii_ltrim(pc.binary_join_element_wise(*(pc.fill_null(one, "") for one in pairs), ""), ",")
    return pc.binary_join_element_wise("{", inner, "}", "")


def _escaped(texts: Any) -> Any:
    """For COPY's text format; of what JSON may hold only the backslash means something to it."""
    if not pc.any(pc.match_substring(texts, "\\")).as_py():
        return texts
    return pc.replace_substring(texts, "\\", "\\\\")


def _bytes(lines: Any) -> bytes:
    """The texts of an array, one behind the other: as they lie in memory."""
    if not len(lines):
        return b""
    _, ends, texts = lines.buffers()
    first, last = np.frombuffer(ends, np.int32)[[lines.offset, lines.offset + len(lines)]]
    return bytes(texts[first:last])
