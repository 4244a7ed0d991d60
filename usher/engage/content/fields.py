"""The values that personalise a mail: what a contact carries, else the field's default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from usher.engage.models import Account, DataField
from usher.engage.models.contacts import FieldType

#: Printed without its time: a date that was given without one.
MIDNIGHT = ("T00:00:00Z", "T00:00:00+00:00", "T00:00:00")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a mail is for. `data` is as in Contact.data: values by upper-case field name."""

    contact_id: int
    email: str
    data: Mapping[str, Any]


class Fields:
    """The data fields of an account, with the defaults for contacts without a value."""

    def __init__(self, types: Mapping[str, str], defaults: Mapping[str, Any]) -> None:
        self.types = types
        self.defaults = defaults

    @classmethod
    def of(cls, account: Account) -> Fields:
        rows = list(DataField.objects.filter(account=account))
        defaults = {row.name: _typed(row.type, row.default_value) for row in rows if row.default_value}
        return cls({row.name: row.type for row in rows}, defaults)

    def names(self) -> frozenset[str]:
        """Every name that @FIELD@ may use."""
        return frozenset(self.types) | {"EMAIL"}

    def value(self, person: Person, name: str) -> Any:
        if name == "EMAIL":
            return person.email
        found = person.data.get(name)
        return self.defaults.get(name) if found is None else found


class Data(Mapping[str, Any]):
    """`contact.data` in a template: values as they are, names in any case of letters."""

    __slots__ = ("fields", "person")

    def __init__(self, fields: Fields, person: Person) -> None:
        self.fields = fields
        self.person = person

    def __getitem__(self, name: str) -> Any:
        return self.fields.value(self.person, str(name).upper())

    def __iter__(self) -> Iterator[str]:
        return (name.lower() for name in sorted(self.fields.names()))

    def __len__(self) -> int:
        return len(self.fields.names())


class Printed(Data):
    """What `@FIELD@` stands for: the same values as people read them."""

    def __getitem__(self, name: str) -> str:
        return printed(self.fields.value(self.person, name))


def printed(value: Any) -> str:
    """Yes or no, numbers without .0, dates as ISO without midnight, nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    # kept as it is, as it may be marked as HTML
    text = value if isinstance(value, str) else str(value)
    if len(text) > 10 and text[4:5] == "-" and text[10:] in MIDNIGHT:
        return text[:10]
    return text


def _typed(kind: str, text: str) -> Any:
    """A default, which is kept as text, as a value of the field's type."""
    if kind == FieldType.BOOLEAN:
        return text.strip().lower() in ("true", "yes", "1")
    if kind == FieldType.NUMERIC:
        try:
            return float(text)
        except ValueError:
            return None
    return text
