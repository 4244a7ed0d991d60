"""Definitions that come from a call instead of a file: read, checked, made true, and taken away again."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError, transaction
from pydantic import BaseModel

from usher.definitions.apply import apply_one
from usher.definitions.remove import remove
from usher.definitions.sections import SINGLE, room_of
from usher.engage import audit
from usher.engage.models import Account
from usher.lib.changes import Change, DefinitionError

#: Only folders define these: they name files and secrets of the machine.
OF_FOLDERS = ("sources", "destinations")
#: Fields that name a file or a variable of the machine, and what a call says instead.
OF_THE_MACHINE = {"html_file": "html", "text_file": "text", "password_env": "password"}


class UnknownError(Exception):
    """There is no such section, or nothing of that name in it."""


def defined(section: str) -> dict[str, dict[str, Any]]:
    """What is defined in a section, as files would say it: name -> body, without secrets. UnknownError."""
    return {name: dict(body) for name, body in _room(section).export(section).items()}


def definition(section: str, name: str) -> tuple[str, dict[str, Any]]:
    """One definition as (its name, its body), found in any letter case. UnknownError."""
    bodies = defined(section)
    if section in SINGLE and bodies:
        return "", next(iter(bodies.values()))
    found = name if name in bodies else next((one for one in bodies if one.lower() == name.lower()), None)
    if found is None:
        raise UnknownError(f"{section} has nothing called “{name}”")
    return found, bodies[found]


def body_of(section: str, name: str, given: Mapping[str, Any] | str) -> BaseModel:
    """What a call sent, checked as a file's is. UnknownError, DefinitionError, pydantic's ValidationError."""
    model = _room(section).SECTIONS[section]
    if section in OF_FOLDERS:
        raise DefinitionError(section, name, "", "this is defined by files only, beside the data it is about")
    for field, instead in OF_THE_MACHINE.items():
        if isinstance(given, Mapping) and given.get(field) is not None:
            raise DefinitionError(section, name, field, f"a call names no file or variable; send `{instead}`")
    body: BaseModel = model.model_validate(given)
    return body


def put(section: str, name: str, body: BaseModel, *, by: str, now: datetime, keep: bool) -> Change:
    """Make one definition so, as `usher apply` does; with `keep` false tell only what that would change.

    DefinitionError says which field cannot be, and then nothing is changed.
    """
    named = "" if section in SINGLE else name
    try:
        with transaction.atomic():
            with _signed(by, now):
                change = apply_one(section, named, body, by=by, now=now)
            if not keep:
                transaction.set_rollback(True)
    except IntegrityError:
        raise DefinitionError(section, name, "", "something else was defined at the same moment") from None
    except DataError:
        raise DefinitionError(section, name, "", "a text is longer than can be kept") from None
    return change


def take_away(section: str, name: str, *, by: str, now: datetime) -> None:
    """Delete what is defined under this name. UnknownError; DefinitionError when it cannot go."""
    found, _ = definition(section, name)
    with _signed(by, now):
        remove(section, found)


def _signed(by: str, now: datetime) -> AbstractContextManager[None]:
    """What is changed in the engine stands in its audit as `by`'s."""
    account = Account.objects.order_by("pk").first()
    return audit.signed(account, f"call {by}", now) if account else nullcontext()


def _room(section: str) -> Any:
    rooms = room_of()
    if section not in rooms:
        near = difflib.get_close_matches(section, rooms, 1)
        hint = f"did you mean “{near[0]}”?" if near else f"there are {', '.join(rooms)}"
        raise UnknownError(f"there is no section “{section}”; {hint}")
    return rooms[section]
