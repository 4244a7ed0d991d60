"""Members as published, and members pushed in from outside: into tags, static and external audiences."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field, ValidationError

from usher.api.who import username
from usher.api.words import Asked, Text, demand_known
from usher.audiences import published
from usher.audiences.assigning import Action, Outcome, Who, assign, assign_members, assign_sheet
from usher.audiences.matching import By, Word
from usher.audiences.models import Audience
from usher.lib import clock

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

router = Router(tags=["members"])

#: A longer line is no key and no address.
LONGEST_LINE = 4_096


class Bulk(Asked):
    """Customers by key, by e-mail address, or both."""

    keys: list[str | int] = []
    emails: list[str] = []


class How(Asked):
    """`by` is for one a line (text/plain), `column` and `match` are for text/csv; `origin` says why.

    `confirm` lets a PUT leave nobody, or take out more than half of more than a hundred members.
    """

    dry_run: bool = False
    confirm: bool = False
    by: Literal["key", "email"] = "key"
    column: Text = ""
    match: Literal["key", "email"] | None = None
    origin: Text = ""


class MemberOut(Schema):
    key: str
    email: str | None


class MembersOut(Schema):
    total: int
    members: list[MemberOut]


class PlaceOut(Schema):
    row: int
    value: str
    state: str
    reason: str


class OutcomeOut(Schema):
    """read = matched + doubled + unknown + ambiguous + bad; `places` tells the first 1,000 of the latter."""

    action: str
    dry_run: bool
    read: int
    matched: int
    added: int
    removed: int
    same: int
    unknown: int
    ambiguous: int
    bad: int
    #: Entries that mean a customer once more.
    doubled: int
    places: list[PlaceOut]
    problem: str
    column: str
    match: str


#: Three kinds of body, told apart by their content type.
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Bulk.model_json_schema()},
            "text/plain": {"schema": {"type": "string", "description": "One key (or address) a line."}},
            "text/csv": {"schema": {"type": "string", "description": "A header, then a customer a row."}},
        },
    }
}


@router.get("{int:audience_id}/members", response=MembersOut)
def members(
    request: HttpRequest,
    audience_id: int,
    search: Text = "",
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=1000)] = 50,
) -> Any:
    """Members as published, in the order of their keys; 409 when the audience was not evaluated yet."""
    return published.page(get_object_or_404(Audience, pk=audience_id), search, offset, limit)


@router.post("{int:audience_id}/members", response=OutcomeOut, openapi_extra=_BODY)
def add_members(request: HttpRequest, audience_id: int, how: Annotated[How, Query()]) -> Any:
    """Put customers in. JSON up to 16 MB; as text/plain and text/csv any number, read as they come."""
    return _bulk(request, audience_id, how, "add")


@router.put("{int:audience_id}/members", response=OutcomeOut, openapi_extra=_BODY)
def replace_members(request: HttpRequest, audience_id: int, how: Annotated[How, Query()]) -> Any:
    """Make these the members, all of them and nobody else, in one step.

    422 without `confirm=true` where this would leave nobody (an empty body, or one that matches nobody), or
    take out more than half of more than a hundred; a dry run tells.
    """
    return _bulk(request, audience_id, how, "replace")


@router.delete("{int:audience_id}/members", response=OutcomeOut, openapi_extra=_BODY)
def remove_members(request: HttpRequest, audience_id: int, how: Annotated[How, Query()]) -> Any:
    """Take these customers out; a body is needed, so that nobody is taken out by leaving it away."""
    return _bulk(request, audience_id, how, "remove")


@router.post("{int:audience_id}/empty", response=OutcomeOut)
def empty_audience(request: HttpRequest, audience_id: int) -> Any:
    """Take everybody out."""
    return _words(request, audience_id, iter(()), How(confirm=True), "replace")


@router.post("{int:audience_id}/members/of/{int:other_id}", response=OutcomeOut)
def add_members_of(
    request: HttpRequest, audience_id: int, other_id: int, how: Annotated[How, Query()]
) -> Any:
    """Put in every member of another audience, as last published."""
    audience, other = get_object_or_404(Audience, pk=audience_id), get_object_or_404(Audience, pk=other_id)
    return assign_members(audience, other, _who(request, how), dry_run=how.dry_run)


@router.put("{int:audience_id}/members/{path:key}", response=OutcomeOut)
def add_member(request: HttpRequest, audience_id: int, key: str, how: Annotated[How, Query()]) -> Any:
    """Put one customer in, by key or (`by=email`) by address; 404 when there is none, 409 when several."""
    return _one(request, audience_id, key, how, "add")


@router.delete("{int:audience_id}/members/{path:key}", response=OutcomeOut)
def remove_member(request: HttpRequest, audience_id: int, key: str, how: Annotated[How, Query()]) -> Any:
    """Take one customer out, by key or (`by=email`) by address; 404 when there is none, 409 when several."""
    return _one(request, audience_id, key, how, "remove")


def _one(request: HttpRequest, audience_id: int, key: str, how: How, action: Action) -> Outcome:
    """A key that no customer has is no mistake where it was kept (external), or taken out."""
    outcome = _words(request, audience_id, iter([Word(1, key, how.by)]), how, action)
    if outcome.places and not outcome.added + outcome.removed + outcome.same:
        raise HttpError(
            {"unknown": 404, "ambiguous": 409, "bad": 422}[outcome.places[0].state], _said(outcome)
        )
    return outcome


def _said(outcome: Outcome) -> str:
    return f"{outcome.places[0].value}: {outcome.places[0].reason}"


def _bulk(request: HttpRequest, audience_id: int, how: How, action: Action) -> Outcome:
    demand_known(request, How)
    match request.content_type:
        case "application/json":
            return _words(request, audience_id, _listed(request), how, action)
        case "text/plain":
            return _words(request, audience_id, _lines(request, how.by), how, action)
        case "text/csv":
            return _sheet(request, audience_id, how, action)
        case other:
            raise HttpError(415, f"send application/json, text/plain or text/csv, not {other or 'nothing'}")


def _words(
    request: HttpRequest, audience_id: int, words: Iterator[Word], how: How, action: Action
) -> Outcome:
    audience = get_object_or_404(Audience, pk=audience_id)
    return assign(
        audience, words, _who(request, how), action=action, dry_run=how.dry_run, confirmed=how.confirm
    )


def _who(request: HttpRequest, how: How) -> Who:
    return Who(username(request), clock.now(), "api", how.origin[:200])


def _listed(request: HttpRequest) -> Iterator[Word]:
    try:
        body = Bulk.model_validate_json(request.body)
    except RequestDataTooBig:
        raise HttpError(413, "JSON takes 16 MB; send more as text/plain, one key a line") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "the body"
        raise HttpError(422, f"{field}: {first['msg']}") from None
    if not body.model_fields_set:
        raise HttpError(422, "say keys or emails; an empty list is written []")
    kinds: list[tuple[By, list[Any]]] = [("key", body.keys), ("email", body.emails)]
    rows = count(1)
    return iter([Word(next(rows), str(entry), by) for by, entries in kinds for entry in entries])


class _Body(io.RawIOBase):
    """A request's body for a buffer to cut into lines.

    Servers cut them differently: asked for a line of at most n bytes, Granian answers one line and then
    nothing more.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        part = self.request.read(len(view))
        view[: len(part)] = part
        return len(part)


def _lines(request: HttpRequest, by: By) -> Iterator[Word]:
    """The lines as they arrive, so that a million keys take no more memory than a few; no line is empty."""
    body = io.BufferedReader(_Body(request), 65_536)
    for row in count(1):
        line = body.readline(LONGEST_LINE)
        if not line:
            return
        text = line.decode("utf-8", "replace").strip()
        if text:
            yield Word(row, text, by)


def _sheet(request: HttpRequest, audience_id: int, how: How, action: Action) -> Outcome:
    audience = get_object_or_404(Audience, pk=audience_id)
    with tempfile.NamedTemporaryFile(dir=settings.USHER_DATA_DIR, suffix=".csv") as file:
        shutil.copyfileobj(request, file)
        file.flush()
        return assign_sheet(
            audience,
            Path(file.name),
            _who(request, how),
            action=action,
            column=how.column,
            match=how.match,
            name=how.origin or "the file",
            dry_run=how.dry_run,
            confirmed=how.confirm,
        )
