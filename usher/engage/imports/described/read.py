"""Read the contacts of a version 3 import: what each says, or why it cannot be taken."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from usher.engage.contacts import described as reading
from usher.engage.contacts.described import ConsentError, Described, IdentifierError
from usher.engage.contacts.write import fitted
from usher.engage.errors import EngageError

#: Published names of failures, as far as there are any.
SCHEMA, DUPLICATE, NO_IDENTIFIER = "ApiSchemaViolation", "Duplicate", "NoValidIdentifiers"
MATCH, LISTS, PREFERENCES = "InvalidMatchIdentifier", "InvalidAddressBookIds", "InvalidPreferenceIds"
CONSENTS, CONTACT_ID = "consentRecordsNotApplied", "InvalidContactId"
_OF_IDENTIFIER = {
    "email": "InvalidEmail",
    "mobileNumber": "InvalidPhoneNumber",
    "contactId": CONTACT_ID,
}


@dataclass
class Failure:
    """What is wrong with a contact."""

    code: str
    text: str


@dataclass
class Entry:
    """One contact of the body."""

    #: 1 is the first one.
    row: int
    match: str
    #: As they were sent, for the result.
    identifiers: dict[str, object]
    said: Described | None = None
    #: The id by which it is matched.
    contact_id: int | None = None
    #: Its values as JSON.
    data: str = "{}"
    failures: list[Failure] = field(default_factory=list)


def entries(contacts: Iterable[object], kinds: Mapping[str, str]) -> Iterator[Entry]:
    """Each contact, with what it says unless it cannot be taken; the first of an identifier counts.

    `kinds` are the account's data fields: upper-case name -> type.
    """
    seen: set[tuple[str, object]] = set()
    for row, body in enumerate(contacts, 1):
        entry = _entry(row, body)
        if not entry.failures:
            _read(entry, body, kinds)
        if entry.said is not None:
            own = _own(entry)
            if again := [name for name in own if name in seen]:
                kind, value = again[0]
                entry.said = None
                entry.failures.append(
                    Failure(DUPLICATE, f"Duplicate identifier detected for {kind} '{value}'")
                )
            else:
                seen.update(own)
        yield entry


def _own(entry: Entry) -> list[tuple[str, object]]:
    """The identifiers that no other contact of the body may have."""
    said = entry.said
    assert said is not None
    named = (
        ("email", said.draft.email.lower()),
        ("mobileNumber", said.draft.mobile_number),
        ("contactId", entry.contact_id),
    )
    return [(kind, value) for kind, value in named if value]


def _entry(row: int, body: object) -> Entry:
    """How the contact is to be found."""
    if not isinstance(body, Mapping):
        return Entry(row, "email", {}, failures=[Failure(SCHEMA, "A contact is an object")])
    said = {str(name).lower(): value for name, value in body.items()}
    sent = said.get("identifiers")
    known = said.get("matchidentifier")
    name, _ = reading.IDENTIFIERS.get(str(known).lower(), ("", ""))
    entry = Entry(row, name or str(known or "email")[:50], dict(sent) if isinstance(sent, Mapping) else {})
    if not isinstance(sent, Mapping):
        entry.failures.append(Failure(SCHEMA, "identifiers is required"))
    elif not name:
        entry.failures.append(Failure(MATCH, f"'{known}' is no identifier of the account"))
    elif not _of(sent, name):
        entry.failures.append(Failure(NO_IDENTIFIER, f"identifiers has no '{name}' to match by"))
    return entry


def _of(identifiers: Mapping[Any, object], name: str) -> object:
    return next((value for key, value in identifiers.items() if str(key).lower() == name.lower()), None)


def _read(entry: Entry, body: object, kinds: Mapping[str, str]) -> None:
    try:
        said = _described(entry, body)
        if entry.match == "contactId":
            entry.contact_id = int(reading.identified("contactId", _of(entry.identifiers, "contactId"))[1])
        entry.data = json.dumps(fitted(kinds, said.draft.data), ensure_ascii=False)
        for text in (entry.data, said.return_url, *(one.text + one.user_agent for one in said.consents)):
            text.encode()
        entry.said = said
    except IdentifierError as problem:
        entry.failures.append(Failure(_OF_IDENTIFIER.get(problem.kind, MATCH), problem.message))
    except EngageError as problem:
        entry.failures.append(Failure(SCHEMA, problem.message))
    except UnicodeEncodeError:
        entry.failures.append(Failure(SCHEMA, "A text has half a character"))


def _described(entry: Entry, body: object) -> Described:
    try:
        return reading.described(body)
    except ConsentError as problem:
        assert isinstance(body, Mapping)
        entry.failures.append(Failure(CONSENTS, problem.message))
        rest = {name: value for name, value in body.items() if str(name).lower() != "consentrecords"}
        return reading.described(rest)
