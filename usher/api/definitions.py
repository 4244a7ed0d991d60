"""Definitions by call: what `usher apply` reads from files, one at a time, under the same checks."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ValidationError

from usher.api.who import username
from usher.api.words import Asked, demand_known
from usher.definitions import calls
from usher.definitions.sections import SINGLE, room_of
from usher.lib import clock

router = Router(tags=["definitions"])

#: A longer name is none of any room.
LONGEST_NAME = 255
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [{"type": "object"}, {"type": "string"}],
                    "description": "What stands under the name in a file of this section.",
                }
            }
        },
    }
}


class How(Asked):
    """With `dry_run` nothing is kept: the answer says what would change."""

    dry_run: bool = False


class ChangeOut(Schema):
    section: str
    name: str
    kind: str
    action: Literal["created", "updated", "unchanged"]
    #: What of it was (would be) written.
    fields: list[str]
    dry_run: bool


class DefinitionOut(Schema):
    section: str
    name: str
    body: dict[str, Any]


class SectionOut(Schema):
    section: str
    #: False: it is defined by files only.
    can_be_put: bool
    #: It holds one body, which has no name.
    single: bool


@router.get("", response=list[SectionOut])
def list_sections(request: HttpRequest) -> Any:
    """The sections that there are, in the order in which files are applied."""
    return [
        {"section": one, "can_be_put": one not in calls.OF_FOLDERS, "single": one in SINGLE}
        for one in room_of()
    ]


@router.get("{section}", response=list[DefinitionOut])
def list_definitions(request: HttpRequest, section: str) -> Any:
    """Everything that is defined in a section, as files would say it; secrets are left out."""
    return [{"section": section, "name": name, "body": body} for name, body in _asked(section).items()]


@router.put("{section}", response={200: ChangeOut, 201: ChangeOut}, openapi_extra=_BODY)
def put_single(request: HttpRequest, section: str, how: Annotated[How, Query()]) -> Any:
    """Define what there is one of: `account`, `evaluation`."""
    _asked_section(section)
    if section not in SINGLE:
        raise HttpError(422, f"name one: PUT /api/definitions/{section}/the name")
    return _put(request, section, "", how)


@router.get("{section}/{path:name}", response=DefinitionOut)
def get_definition(request: HttpRequest, section: str, name: str) -> Any:
    """One definition, found in any letter case."""
    found, body = _found(section, name)
    return {"section": section, "name": found, "body": body}


@router.put("{section}/{path:name}", response={200: ChangeOut, 201: ChangeOut}, openapi_extra=_BODY)
def put_definition(request: HttpRequest, section: str, name: str, how: Annotated[How, Query()]) -> Any:
    """Create or change one, under the checks of `usher apply`; the body is the whole truth.

    422 names the field that no such definition has, or whose value has another form; 409 the one that is well
    formed and cannot be (a rule about an unknown column, a weak password). Then nothing is changed.
    """
    _asked_section(section)
    if section in SINGLE:
        raise HttpError(422, f"there is one of these and it has no name: PUT /api/definitions/{section}")
    return _put(request, section, _named(name), how)


@router.delete("{section}/{path:name}", response={204: None})
def delete_definition(request: HttpRequest, section: str, name: str) -> Any:
    """Delete one with what belongs to it; 409 says what needs it, or that it is kept."""
    _found(section, name)
    calls.take_away(section, name, by=username(request), now=clock.now())
    return Status(204, None)


def _put(request: HttpRequest, section: str, name: str, how: How) -> Any:
    demand_known(request, How)
    try:
        body = calls.body_of(section, name, _sent(request))
    except ValidationError as problem:
        said = [f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in problem.errors()]
        raise HttpError(422, f"{section} “{name}”, {'; '.join(said)}") from None
    change = calls.put(section, name, body, by=username(request), now=clock.now(), keep=not how.dry_run)
    shown = {
        "section": section,
        "name": change.name,
        "kind": change.kind,
        "action": change.action,
        "fields": list(change.fields),
        "dry_run": how.dry_run,
    }
    return Status(201 if change.action == "created" and not how.dry_run else 200, shown)


def _sent(request: HttpRequest) -> dict[str, Any] | str:
    """The JSON of one entry: an object, or the text for which some sections let it stand."""
    try:
        sent = json.loads(request.body.decode("utf-8-sig"))
        written = json.dumps(sent, ensure_ascii=False)
        written.encode()  # half a surrogate pair is no text
    except RequestDataTooBig:
        raise HttpError(413, "the body is too large for a definition") from None
    except (ValueError, RecursionError):
        raise HttpError(422, "the body is not JSON") from None
    if "\\u0000" in written:
        raise HttpError(422, "the body holds a NUL character")
    if not isinstance(sent, dict | str):
        raise HttpError(422, "the body is an object: what stands under the name in a file")
    return sent


def _named(name: str) -> str:
    if not name.isprintable() or name != name.strip() or len(name) > LONGEST_NAME:
        said = f"the name has 1 to {LONGEST_NAME} characters, no control character and no space around it"
        raise HttpError(422, said)
    return name


def _asked_section(section: str) -> None:
    if section not in room_of():
        _asked(section)


def _asked(section: str) -> dict[str, dict[str, Any]]:
    try:
        return calls.defined(section)
    except calls.UnknownError as problem:
        raise HttpError(404, str(problem)) from None


def _found(section: str, name: str) -> tuple[str, dict[str, Any]]:
    try:
        return calls.definition(section, name)
    except calls.UnknownError as problem:
        raise HttpError(404, str(problem)) from None
