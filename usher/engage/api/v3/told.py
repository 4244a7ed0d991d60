"""Events that other systems tell of contacts (version 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, empty
from usher.engage.api.original import as_sent
from usher.engage.api.problems import ApiError, invalid
from usher.engage.api.reading import since
from usher.engage.contacts import custom
from usher.engage.contacts.described import IDENTIFIERS, IdentifierError, identified, opened
from usher.engage.errors import EngageError
from usher.engage.happenings import told
from usher.engage.happenings.told import Deed

MOST = 5000
LONGEST_TYPE, LONGEST_KEY, LONGEST_SUMMARY = 80, 255, 160


def keep(call: Call) -> HttpResponse:
    """All of them are looked at before one is kept; those of unknown contacts are passed over."""
    sent = as_sent(call)
    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST:
        raise invalid(f"Send a list of 1 to {MOST} events")
    names = {name: row.pk for name, row in custom.names_of(call.account).items()}
    deeds = [_deed(call, one, place, names) for place, one in enumerate(sent)]
    told.keep(call.account, [deed for deed in deeds if deed], call.now)
    return empty(202)


def _deed(call: Call, sent: Any, place: int, names: Mapping[str, int]) -> Deed | None:
    try:
        said = opened(sent, "An event")
        contact = _contact(opened(said.get("contactidentity"), "contactIdentity"), names)
        details = opened(said.get("timelinedetails"), "timelineDetails")
        moment, data = said.get("eventtimestamp"), said.get("eventdata")
        if data is not None and not isinstance(data, dict):
            raise invalid("eventData is not an object")
        rest: dict[str, Any] = {
            "type": _short(said.get("type"), "type", LONGEST_TYPE),
            "at": since(str(moment)) if moment else call.now,
            "key": _short(said.get("id"), "id", LONGEST_KEY, ""),
            "summary": _short(details.get("summary"), "summary", LONGEST_SUMMARY, ""),
            "data": data,
        }
    except (ApiError, EngageError) as problem:
        raise invalid(f"Event {place}: {problem.message}") from None
    return Deed(*contact, **rest) if contact else None


def _contact(identity: dict[str, Any], names: Mapping[str, int]) -> tuple[str, int | str] | None:
    """The column and value by which the contact is found; None for a value that nobody can have.

    `names` are the account's custom identifiers, in lower case, each with its id.
    """
    kind = str(identity.get("identifier") or "")
    if kind.lower() in names:
        return f"{told.CUSTOM}{names[kind.lower()]}", str(identity.get("value"))
    if kind.lower() not in IDENTIFIERS:
        raise invalid(f"'{kind[:60]}' is no identifier")
    try:
        return identified(kind, identity.get("value"))[:2]
    except IdentifierError:
        return None


def _short(sent: Any, name: str, most: int, absent: str | None = None) -> str:
    if sent is None and absent is not None:
        return absent
    if not isinstance(sent, str) or not 1 <= len(sent) <= most:
        raise invalid(f"{name} is a text of 1 to {most} characters")
    return sent
