"""What the columns of an import file are for, and what the texts of each come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from typing import NamedTuple

from usher.engage.contacts.values import FROM_TEXT, LONGEST_TEXT, MisfitError
from usher.engage.errors import EngageError
from usher.engage.imports.records import SheetError
from usher.engage.models.contacts import EmailType, FieldType, OptInType
from usher.engage.texts.numbers import digits

#: Different texts of a column that are remembered: those of names and dates come again and again.
REMEMBERED = 50_000

#: From a column's cells to what each is as JSON: null for a blank one, None for one that does not fit.
Reader = Callable[[Sequence[str]], list[str | None]]

#: Heading -> what it tells of a consent (a column of the table of consents).
CONSENT = {
    "CONSENTTEXT": ("text", FieldType.STRING),
    "CONSENTURL": ("url", FieldType.STRING),
    "CONSENTDATETIME": ("given_at", FieldType.DATE),
    "CONSENTIP": ("ip", FieldType.STRING),
    "CONSENTUSERAGENT": ("user_agent", FieldType.STRING),
}
PREFERENCE = "PREFERENCE:"
MOBILE = ("MOBILENUMBER", "MOBILENUMBERID")


class Column(NamedTuple):
    """One column that is read: into which key of a JSON object, from which place, and how."""

    heading: str
    key: str
    place: int
    read: Reader


@dataclass(frozen=True)
class Columns:
    """What each column of a file is for."""

    headings: list[str]
    email: int
    #: One JSON object of a row each: data fields, evidence of consent, choices by the preference's id.
    data: list[Column] = field(default_factory=list)
    consent: list[Column] = field(default_factory=list)
    choices: list[Column] = field(default_factory=list)
    #: Single values: column of the staging table -> where it stands in the file.
    single: dict[str, Column] = field(default_factory=dict)
    #: Headings that name nothing we know.
    ignored: list[str] = field(default_factory=list)

    @property
    def all(self) -> Iterator[Column]:
        """Every column that is read, in the order in which faults are told."""
        yield from (*self.data, *self.consent, *self.choices, *self.single.values())


def columns_of(
    headings: list[str], kinds: Mapping[str, str], preferences: Mapping[str, int] | None = None
) -> Columns:
    """What the headings of a file name; `kinds` are the data fields (upper-case name -> type), `preferences`
    the preferences' ids by upper-case name, alone and as CATEGORY>NAME.

    SheetError when there is no Email column, or a heading stands twice.
    """
    places: dict[str, int] = {}
    for place, heading in enumerate(headings):
        if heading.strip() and places.setdefault(heading.strip().upper(), place) != place:
            raise SheetError(f"the heading {heading!r} stands twice")
    if "EMAIL" not in places:
        raise SheetError("no column is headed Email")
    found = Columns(headings, places.pop("EMAIL"))
    for name, place in places.items():
        _place(found, name, place, kinds, preferences or {})
    return found


def _place(
    found: Columns, name: str, place: int, kinds: Mapping[str, str], preferences: Mapping[str, int]
) -> None:
    """Add the column of this heading to what is read."""
    if name == "OPTINTYPE":
        found.single["opt_in_type"] = Column(name, "", place, _choice(OptInType.values))
    elif name == "EMAILTYPE":
        found.single["email_type"] = Column(name, "", place, _choice(EmailType.values))
    elif name in kinds:
        found.data.append(Column(name, name, place, _reader(kinds[name])))
    elif name in MOBILE:
        found.single["mobile_number"] = Column(name, "", place, Remembering(_mobile))
    elif name in CONSENT:
        told, kind = CONSENT[name]
        found.consent.append(Column(name, told, place, _reader(kind)))
    elif name.startswith(PREFERENCE) and (key := preferences.get(_preference(name))) is not None:
        found.choices.append(Column(name, str(key), place, _reader(FieldType.BOOLEAN)))
    else:
        found.ignored.append(name)


def _preference(heading: str) -> str:
    return ">".join(part.strip() for part in heading.removeprefix(PREFERENCE).split(">", 1))


class Remembering:
    """Reads cells one by one, each text once: most texts of a column stand in it many times."""

    def __init__(self, one: Callable[[str], str | None]) -> None:
        self._known = _Known(one)

    def __call__(self, cells: Sequence[str]) -> list[str | None]:
        if len(self._known) > REMEMBERED:
            self._known.clear()
        return list(map(self._known.__getitem__, cells))


class _Known(dict[str, str | None]):
    def __init__(self, one: Callable[[str], str | None]) -> None:
        super().__init__()
        self._one = one

    def __missing__(self, cell: str) -> str | None:
        found = self[cell] = self._one(cell)
        return found


def _reader(kind: str) -> Reader:
    if kind == FieldType.STRING:
        return _texts
    parse = FROM_TEXT[kind]

    def one(cell: str) -> str | None:
        try:
            return _JSON[type(value := parse(cell))](value) if cell else "null"
        except MisfitError:
            return None

    return Remembering(one)


#: Of what the readers give; JSON is written here because `json.dumps` takes longer than all the rest.
_JSON: dict[type, Callable[[object], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: str,
    float: repr,
    str: '"{}"'.format,  # the ISO form of a date
}


def _texts(cells: Sequence[str]) -> list[str | None]:
    read: list[str | None] = [encode_basestring(cell) if cell else "null" for cell in cells]
    if max(map(len, cells), default=0) > LONGEST_TEXT:
        read = [None if len(cell) > LONGEST_TEXT else one for cell, one in zip(cells, read, strict=True)]
    return read


def _choice(values: Sequence[str]) -> Reader:
    """The choice that a cell names in any case of letters; nothing for another word."""
    words = {word.lower(): word for word in values}
    return Remembering(lambda cell: words.get(cell.strip().lower(), ""))


def _mobile(cell: str) -> str | None:
    if not cell.strip():
        return ""
    try:
        return digits(cell)
    except EngageError:
        return None
