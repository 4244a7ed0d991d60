"""What the texts of a column come to, thousands at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usher.engage.contacts.values import FROM_TEXT, LONGEST_TEXT, MisfitError
from usher.engage.errors import EngageError
from usher.engage.models.contacts import FieldType
from usher.engage.texts.numbers import digits
from usher.lib import addresses

#: Different texts of a column that are remembered: those of names and dates come again and again.
REMEMBERED = 50_000

#: What JSON cannot hold as it is.
_TO_ESCAPE = r'[\x00-\x1f"\\]'


class Read(NamedTuple):
    """What a column's cells come to."""

    #: An array of texts; null for a blank cell, and for one that does not fit.
    values: Any
    #: The places of those that do not fit.
    misfits: Sequence[int] = ()


#: From a column's array of texts to what they come to.
Reader = Callable[[Any], Read]


def reader(kind: str) -> Reader:
    """Cells of a data field of this type, as JSON."""
    if kind == FieldType.STRING:
        return _texts
    parse = FROM_TEXT[kind]

    def one(cell: str) -> str | None:
        value = parse(cell) if cell else None
        return None if value is None else _JSON[type(value)](value)

    return _Remembering(one)


def choice(values: Sequence[str]) -> Reader:
    """The choice that a cell names in any case of letters; blank for another word."""
    words = {word.lower(): word for word in values}
    return _Remembering(lambda cell: words.get(cell.strip().lower()))


def mobile() -> Reader:
    """A number's digits."""

    def one(cell: str) -> str | None:
        try:
            return digits(cell) if cell.strip() else None
        except EngageError:
            raise MisfitError("is not a telephone number") from None

    return _Remembering(one)


def emails(cells: Any) -> Read:
    """Addresses as they are kept, without blanks around them."""
    trimmed = pc.utf8_trim_whitespace(cells)
    doubtful = np.flatnonzero(~_looks_right(trimmed))
    return Read(trimmed, [place for place in doubtful.tolist() if addresses.problem(trimmed[place].as_py())])


def _looks_right(trimmed: Any) -> Any:
    """Which of them are addresses of the usual kind; the others may still be."""
    length = pc.binary_length(trimmed)
    usual = pc.and_(pc.match_substring_regex(trimmed, _USUAL), pc.less_equal(length, addresses.LONGEST))
    local = pc.less_equal(pc.find_substring(trimmed, "@"), addresses.LONGEST_LOCAL_PART)
    return pc.and_(usual, local).to_numpy(zero_copy_only=False)


# a part of what addresses.problem lets through
_WORD = r"[A-Za-z0-9_+-]+"
_LABEL = r"[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,10}){0,3}"
_USUAL = rf"^{_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+[A-Za-z]{{2,20}}$"


class _Remembering:
    """Reads cells one by one, each text once."""

    def __init__(self, one: Callable[[str], str | None]) -> None:
        self._one = one
        #: Text -> what it comes to; False: it does not fit.
        self._known: dict[str, str | bool | None] = {}

    def __call__(self, cells: Any) -> Read:
        if len(self._known) > REMEMBERED:
            self._known.clear()
        coded = pc.dictionary_encode(cells)
        found = [self._read(text) for text in coded.dictionary.to_pylist()]
        values = pa.array([None if one is False else one for one in found], pa.string())
        misfits: list[int] = []
        if False in found:
            bad = [place for place, one in enumerate(found) if one is False]
            misfits = np.flatnonzero(np.isin(coded.indices.to_numpy(), bad)).tolist()
        return Read(values.take(coded.indices), misfits)

    def _read(self, text: str) -> str | bool | None:
        if text not in self._known:
            try:
                self._known[text] = self._one(text)
            except MisfitError:
                self._known[text] = False
        return self._known[text]


#: Of what the parsers give; JSON is written here because `json.dumps` takes longer than all the rest.
_JSON: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: repr,
    str: '"{}"'.format,  # the ISO form of a date
}


def _texts(cells: Any) -> Read:
    length = pc.binary_length(cells)
    misfits: list[int] = []
    if (pc.max(length).as_py() or 0) > LONGEST_TEXT:  # bytes, of which a letter may have several
        misfits = np.flatnonzero(pc.greater(pc.utf8_length(cells), LONGEST_TEXT)).tolist()
    if pc.any(pc.match_substring_regex(cells, _TO_ESCAPE)).as_py():
        quoted = pa.array([encode_basestring(cell) for cell in cells.to_pylist()], pa.string())
    else:
        quoted = pc.binary_join_element_wise('"', cells, '"', "")
    return Read(pc.if_else(pc.equal(length, 0), None, quoted), misfits)
