"""What the columns of an import file are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from usher.engage.imports.cells import Reader, choice, mobile, reader
from usher.engage.imports.records import SheetError
from usher.engage.models.contacts import EmailType, FieldType, OptInType

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
        found.single["opt_in_type"] = Column(name, "", place, choice(OptInType.values))
    elif name == "EMAILTYPE":
        found.single["email_type"] = Column(name, "", place, choice(EmailType.values))
    elif name in kinds:
        found.data.append(Column(name, name, place, reader(kinds[name])))
    elif name in MOBILE:
        found.single["mobile_number"] = Column(name, "", place, mobile())
    elif name in CONSENT:
        told, kind = CONSENT[name]
        found.consent.append(Column(name, told, place, reader(kind)))
    elif name.startswith(PREFERENCE) and (key := preferences.get(_preference(name))) is not None:
        found.choices.append(Column(name, str(key), place, reader(FieldType.BOOLEAN)))
    else:
        found.ignored.append(name)


def _preference(heading: str) -> str:
    return ">".join(part.strip() for part in heading.removeprefix(PREFERENCE).split(">", 1))
