"""An uploaded file of contacts: its columns, what each may be for, and the file that is imported."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from usher.engage.contacts.fields import types_of
from usher.engage.models import Account
from usher.web.uploads import UploadError, path_of

EMAIL = "EMAIL"
#: What a column may be for besides the account's data fields.
OWN = {EMAIL: "E-mail address", "OPTINTYPE": "Opt-in type", "EMAILTYPE": "E-mail type"}
#: Headings of addresses, without what is no letter.
_ADDRESSES = ("EMAIL", "EMAILADDRESS", "MAIL", "ADDRESS")
#: Values shown beside a column.
_SHOWN = 3


@dataclass(frozen=True)
class Column:
    """A column of the file with a few values, and what it seems to be for ("" is nothing)."""

    place: int
    heading: str
    sample: list[str]
    target: str


def targets(account: Account) -> dict[str, str]:
    """Everything that a column may be for, with its name for people."""
    return OWN | {name: name for name in types_of(account)}


def columns(account: Account, token: str) -> list[Column]:
    """The columns of a kept file. UploadError when it cannot be read."""
    rows = _rows(token)
    headings = next(rows, [])
    if not any(headings):
        raise UploadError("the file is empty; its first row names the columns")
    first = [row for row, _ in zip(rows, range(_SHOWN), strict=False)]
    guessed = _guessed(headings, targets(account))
    return [
        Column(place, heading, [row[place] for row in first if place < len(row) and row[place]], target)
        for place, (heading, target) in enumerate(zip(headings, guessed, strict=True))
    ]


def _guessed(headings: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """What each column is for by its heading, nothing twice."""
    taken: set[str] = set()
    found = []
    for heading in headings:
        upper = heading.strip().upper()
        bare = re.sub(r"[^A-Z]", "", upper)
        target = upper if upper in known else EMAIL if bare in _ADDRESSES else ""
        found.append("" if target in taken else target)
        taken.add(target)
    return found


def mapped(token: str, chosen: Mapping[int, str]) -> bytes:
    """The file as CSV with the chosen columns only, headed by what they are for. UploadError.

    Every record stays in its row, so that a fault names the row of the file that was uploaded.
    """
    places, names = list(chosen), list(chosen.values())
    if EMAIL not in names:
        raise UploadError("say which column holds the e-mail addresses")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UploadError(f"two columns are for {OWN.get(twice, twice)}; leave one of them out")
    rows, text = _rows(token), io.StringIO()
    writer, width = csv.writer(text), len(next(rows, []))
    writer.writerow(names)
    writer.writerows(_projected(row, places, width) for row in rows)
    return text.getvalue().encode()


def _projected(row: list[str], places: list[int], width: int) -> list[str]:
    """The chosen cells. A row of another width stays one, so that the import refuses it with its cells."""
    if len(row) == width or not any(row):
        return [row[place] for place in places] if any(row) else []
    return row + [""] * (len(places) + 1 - len(row)) if len(row) <= len(places) else row


def _rows(token: str) -> Iterator[list[str]]:
    """The file's records. Commas, semicolons and tabs are told apart by the first line."""
    content = path_of(token).read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise UploadError(
            f"line {line} is not UTF-8 text; save the file as “CSV UTF-8” and choose it again"
        ) from None
    if "\0" in text:
        raise UploadError("the file is no text; save it as CSV and choose it again")
    delimiter = max(",;\t|", key=text.partition("\n")[0].count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as problem:
        raise UploadError(f"the file cannot be read: {problem}") from None
