"""An import file in blocks of thousands of rows, column by column."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from usher.engage.imports.records import SheetError, delimiter_of, is_workbook, records, text_of

#: Rows, or bytes of text, that are worked on together.
TOGETHER = 40_000
BYTES_TOGETHER = 1 << 22


class Block(NamedTuple):
    """Some rows of a file, in their order."""

    #: 1 is the first row under the headings.
    numbers: Sequence[int]
    #: One array of texts for each heading.
    columns: list[Any]
    #: Rows that have more or fewer cells than there are headings; not among the others.
    ragged: list[tuple[int, list[str]]]

    def cells(self, index: int) -> list[str]:
        return [column[index].as_py() for column in self.columns]


def blocks(content: bytes, width: int) -> Iterator[Block]:
    """Every row below the headings, of which there are `width`; blank rows have blank cells."""
    if is_workbook(content):
        return _of_records(records(content), width)
    text = text_of(content)
    # where nothing is quoted a line is a row
    return _of_records(records(content), width) if '"' in text else _of_plain(text, width)


def _of_records(rows: Iterator[list[str]], width: int) -> Iterator[Block]:
    numbered = enumerate(rows)
    next(numbered, None)
    while batch := list(islice(numbered, TOGETHER)):
        ragged = [(number, cells) for number, cells in batch if len(cells) != width and any(cells)]
        even = [(number, cells) for number, cells in batch if len(cells) == width]
        columns = zip(*(cells for _, cells in even), strict=True) if even else [()] * width
        yield Block(
            [number for number, _ in even], [pa.array(cells, pa.string()) for cells in columns], ragged
        )


def _of_plain(text: str, width: int) -> Iterator[Block]:
    # of the block at hand, and of those that are read ahead meanwhile
    ragged: deque[tuple[int, list[str]]] = deque()
    delimiter = delimiter_of(text)

    def put_aside(row: Any) -> str:
        ragged.append((row.number - 1, row.text.split(delimiter)))
        return "skip"

    names = [str(place) for place in range(width)]
    done = 0
    try:
        reader = arrow_csv.open_csv(
            pa.BufferReader(text.encode()),
            arrow_csv.ReadOptions(use_threads=False, block_size=BYTES_TOGETHER, column_names=names),
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                quote_char=False,
                ignore_empty_lines=False,
                invalid_row_handler=put_aside,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]
            ),
        )
        for batch in reader:
            left_out = [number for number, _ in list(ragged)]
            numbers = np.arange(done, done + batch.num_rows + len(left_out))
            numbers = numbers[~np.isin(numbers, left_out)][: batch.num_rows]
            first = 1 if done == 0 else 0  # the headings
            done = int(numbers[-1]) + 1 if len(numbers) else done
            yield Block(
                numbers[first:].tolist(), [one.slice(first) for one in batch.columns], _taken(ragged, done)
            )
        yield Block([], [pa.array([], pa.string())] * width, _taken(ragged))
    except pa.ArrowInvalid as problem:
        raise SheetError(f"the file cannot be read: {problem}") from None


def _taken(ragged: deque[tuple[int, list[str]]], before: float = inf) -> list[tuple[int, list[str]]]:
    """Those of them that are not blank, up to a row number; they are not there any more."""
    taken = []
    while ragged and ragged[0][0] < before:
        taken.append(ragged.popleft())
    return [one for one in taken if any(one[1])]
