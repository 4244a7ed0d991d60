"""Check the rows of an import file, thousands at a time and column by column, and write them for COPY."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice
from typing import NamedTuple

from usher.engage.imports.columns import Column, Columns
from usher.lib import addresses

INVALID_EMAIL = "Invalid Email"
DUPLICATE = "Duplicate"
WRONG_CELLS = "Invalid Entry: wrong number of cells"
#: Rows that are checked together.
TOGETHER = 20_000

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

    lines: str
    faults: list[Fault]


def staged(columns: Columns) -> list[str]:
    """The columns of the staging table that the lines fill, in their order."""
    objects = [name for name in ("data", "consent", "choices") if getattr(columns, name)]
    return ["row", "email", "email_key", *columns.single, *objects]


def check(records: Iterable[list[str]], columns: Columns) -> Iterator[Checked]:
    """Every record below the headings that is not blank; the first good row of an address counts."""
    numbered = enumerate(records, 1)
    seen = _Seen(columns)
    while batch := list(islice(numbered, TOGETHER)):
        yield _check(batch, columns, seen)


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


def _check(batch: list[tuple[int, list[str]]], columns: Columns, seen: _Seen) -> Checked:
    width = len(columns.headings)
    faults = [
        Fault(number, cells, WRONG_CELLS) for number, cells in batch if len(cells) != width and any(cells)
    ]
    rows = [one for one in batch if len(one[1]) == width]
    if not rows:
        return Checked("", faults)
    by_place = list(zip(*(cells for _, cells in rows), strict=True))
    emails = [cell.strip() for cell in by_place[columns.email]]
    keys = [email.lower() for email in emails]
    wrong = {index: INVALID_EMAIL for index, email in enumerate(emails) if addresses.problem(email)}
    read = {column: column.read(by_place[column.place]) for column in columns.all}
    for column, values in read.items():
        if None in values:
            for index, value in enumerate(values):
                if value is None:
                    wrong.setdefault(index, f"Invalid Entry: {column.heading}"[:40])
    seen.again({"email": keys} | {name: _sure(read[one]) for name, one in columns.single.items()}, wrong)
    told = [[str(number) for number, _ in rows], emails, keys, *_told(columns, read)]
    if wrong:
        faults += [
            Fault(*rows[index], reason) for index, reason in sorted(wrong.items()) if any(rows[index][1])
        ]
        good = [index not in wrong for index in range(len(rows))]
        told = [list(compress(values, good)) for values in told]
    lines = "\n".join(map("\t".join, zip(*told, strict=True)))
    return Checked(f"{lines}\n" if lines else "", faults)


def _told(columns: Columns, read: dict[Column, list[str | None]]) -> Iterator[list[str]]:
    """What each column of the staging table gets, row by row."""
    for column in columns.single.values():
        yield [value or _NULL for value in read[column]]
    for objects in (columns.data, columns.consent, columns.choices):
        if objects:
            yield _escaped(_objects(objects, [_sure(read[column]) for column in objects]))


def _objects(columns: list[Column], values: list[list[str]]) -> list[str]:
    """One JSON object for each row."""
    names = (f'"{column.key}":%s' for column in columns)
    return list(map(("{" + ",".join(names) + "}").__mod__, zip(*values, strict=True)))


def _sure(values: list[str | None]) -> list[str]:
    """Rows with a value that does not fit are left out later; until then anything stands for it."""
    return ["null" if value is None else value for value in values] if None in values else values  # type: ignore[return-value]


def _escaped(values: list[str]) -> list[str]:
    """For COPY's text format; of what JSON may hold only the backslash means something to it."""
    whole = "\n".join(values)
    return whole.replace("\\", "\\\\").split("\n") if "\\" in whole else values
