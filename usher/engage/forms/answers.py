"""What a page asks for, and what somebody wrote there: values of data fields, checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from usher.engage.contacts.fields import types_of
from usher.engage.contacts.values import MisfitError, Value, typed
from usher.engage.models import Account, DataField, Form, Preference
from usher.engage.models.contacts import FieldType, Visibility
from usher.lib import addresses

#: Names of the inputs: nothing that an account calls its fields can be mistaken for one of ours.
EMAIL, CONSENT = "email", "consent"
#: People do not see this input; programs that fill in everything do.
TRAP = "homepage"

_BROWSER_KNOWS = {
    "FIRSTNAME": "given-name",
    "LASTNAME": "family-name",
    "FULLNAME": "name",
    "POSTCODE": "postal-code",
}
_WANTED = {
    FieldType.NUMERIC: "Write a number, such as 12 or 12.5.",
    FieldType.DATE: "Write a date, such as 1998-12-31.",
}
_NOT_TICKED = frozenset({"", "off", "false", "0", "no"})


@dataclass(frozen=True)
class Question:
    """One input of a page."""

    field: str
    label: str
    kind: str
    required: bool = False
    #: As it is shown: text, or for yes and no whether it is ticked.
    value: str | bool = ""

    @property
    def name(self) -> str:
        """Of the input."""
        return f"field_{self.field}"

    @property
    def autocomplete(self) -> str:
        return _BROWSER_KNOWS.get(self.field, "off")

    @property
    def is_tick(self) -> bool:
        return self.kind == FieldType.BOOLEAN

    @property
    def is_date(self) -> bool:
        return self.kind == FieldType.DATE

    @property
    def is_number(self) -> bool:
        return self.kind == FieldType.NUMERIC


@dataclass
class Answers:
    """What was written, as the account keeps it; `problems` by name of the input."""

    email: str = ""
    data: dict[str, Value | None] = field(default_factory=dict)
    #: Ids of the preferences that were ticked.
    topics: set[int] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)


def questions(form: Form, posted: Mapping[str, str] | None = None) -> list[Question]:
    """What a form asks for, with what was written so far; a field that is gone is passed over."""
    kinds = types_of(form.account)
    return [
        filled(Question(one["name"], one["label"], kinds[one["name"]], one["required"]), posted)
        for one in form.fields
        if one["name"] in kinds
    ]


def public_questions(account: Account, data: Mapping[str, Value]) -> list[Question]:
    """The data fields that people may see and change, with their values."""
    rows = DataField.objects.filter(account=account, visibility=Visibility.PUBLIC).order_by("pk")
    return [
        Question(
            row.name, row.name.replace("_", " ").capitalize(), row.type, value=_shown(data.get(row.name))
        )
        for row in rows
    ]


def topics(form: Form) -> list[Preference]:
    """The preferences that a form offers, in its order."""
    rows = Preference.objects.filter(account=form.account_id, is_preference=True).in_bulk(form.preferences)
    return [rows[one] for one in form.preferences if one in rows]


def read(form: Form, posted: Mapping[str, str]) -> Answers:
    """What somebody wrote on a form; nothing is kept where there is a problem."""
    said = Answers(email=posted.get(EMAIL, "").strip())
    if not said.email:
        said.problems[EMAIL] = "Enter your e-mail address."
    elif wrong := addresses.problem(said.email):
        said.problems[EMAIL] = f"Enter an e-mail address, such as name@example.com: {wrong}."
    read_values(questions(form), posted, said)
    said.topics = {one.pk for one in topics(form) if ticked(posted, f"topic_{one.pk}")}
    if not ticked(posted, CONSENT):
        said.problems[CONSENT] = "Tick the box if you agree; without it we may not write to you."
    return said


def ticked(posted: Mapping[str, str], name: str) -> bool:
    """Is this box ticked? Pages of others send one that is not with a word that says so."""
    return posted.get(name, "").strip().lower() not in _NOT_TICKED


def read_values(asked: Iterable[Question], posted: Mapping[str, str], said: Answers) -> None:
    """Add the values of these inputs to what was said; what does not fit, or is missing, is a problem."""
    for one in asked:
        text = posted.get(one.name, "").replace("\0", "").strip()
        if one.is_tick:
            said.data[one.field] = ticked(posted, one.name)
        else:
            try:
                said.data[one.field] = typed(one.kind, text)
            except MisfitError as problem:
                said.problems[one.name] = _WANTED.get(FieldType(one.kind), f"This {problem}.")
        if one.required and one.name not in said.problems and not said.data[one.field]:
            said.problems[one.name] = f"{'Tick' if one.is_tick else 'Fill in'} “{one.label}”."


def filled(one: Question, posted: Mapping[str, str] | None) -> Question:
    """The same input with what was written in it."""
    if posted is None:
        return one
    value: str | bool = one.name in posted if one.is_tick else posted.get(one.name, "")
    return Question(one.field, one.label, one.kind, one.required, value)


def _shown(value: Value | None) -> str | bool:
    if isinstance(value, bool):
        return value
    return "" if value is None else str(value)
