"""Audiences: find, make, edit and delete them; their members, history, and what depends on them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError

from usher.api.who import username
from usher.api.words import Asked, Moment, Text, demand_known
from usher.audiences import editing, published
from usher.audiences.editing import Edit
from usher.audiences.errors import AudienceError
from usher.audiences.frozen import freeze
from usher.audiences.models import Audience
from usher.audiences.naming import demand_free_name
from usher.definitions import hints
from usher.definitions.apply import apply_one
from usher.definitions.overview import Seen, overview
from usher.definitions.remove import remove_audience
from usher.definitions.sections import room_of
from usher.definitions.uses import uses
from usher.lib import clock
from usher.lib.changes import DefinitionError
from usher.syncs import limits

router = Router(tags=["audiences"])

#: What can be made by a call: whatever has no rule. Kind -> the section that defines it.
MADE = {"tag": "tags", "static_list": "static_lists", "external": "external_audiences"}


class AudienceOut(Schema):
    id: int
    name: str
    kind: str
    rule: str
    description: str
    owner: str
    folder: str
    group: str | None
    expires_on: date | None
    frozen_from: str
    frozen_at: datetime | None
    size: int | None
    gained: int
    lost: int
    #: The moment that its members are of.
    evaluated: datetime | None
    #: Why the last evaluation left it as it was.
    error: str
    synced: datetime | None
    #: Empty since its last day.
    expired: bool
    #: What keeps it alive although its last day has come.
    kept_by: list[str]
    #: What is still to be done by hand, and what stands in the way of a sync.
    hints: list[str]


class AudienceIn(Asked):
    kind: Literal["tag", "static_list", "external"]
    name: Text
    description: Text = ""
    owner: Text = ""
    folder: Text = ""
    expires_on: date | None = None
    #: Of a tag.
    group: Text | None = None


class EditIn(Asked):
    name: Text | None = None
    description: Text | None = None
    owner: Text | None = None
    folder: Text | None = None
    expires_on: date | None = None
    never_expires: bool = False
    #: Of a tag; empty takes it out of its group.
    group: Text | None = None


class FreezeIn(Asked):
    name: Text
    #: Of the last evaluation as of this moment (a date: 06:00 of it); empty: as last published.
    as_of: Moment | None = None
    description: Text = ""
    owner: Text = ""
    folder: Text = ""


class UseOut(Schema):
    kind: str
    name: str
    how: str


class NightOut(Schema):
    now: datetime
    size: int
    gained: int
    lost: int


class Wanted(Asked):
    """Which audiences; nothing said, all of them."""

    search: Text = ""
    name: Text = ""
    kind: Text = ""
    folder: Text = ""


@router.get("", response=list[AudienceOut])
def list_audiences(request: HttpRequest, wanted: Annotated[Wanted, Query()]) -> Any:
    """Every audience, or those with a text in name, description or owner, of a kind, in or below a folder."""
    demand_known(request, Wanted)
    try:
        editing.demand_there(wanted.kind, wanted.folder)
    except AudienceError as problem:
        raise HttpError(422, str(problem)) from None
    found = editing.find(wanted.search, kind=wanted.kind, folder=wanted.folder)
    if wanted.name:
        found = found.filter(name__iexact=wanted.name)
    return [_out(seen) for seen in overview(found, clock.now())]


@router.post("", response={201: AudienceOut})
def make_audience(request: HttpRequest, body: AudienceIn) -> Any:
    """Make an audience whose members are put in by hand or pushed in; 409 when the name is taken."""
    demand_free_name(body.kind, body.name)
    section = MADE[body.kind]
    given = body.model_dump(exclude={"kind", "name"}, exclude_none=True)
    checked = room_of()[section].SECTIONS[section].model_validate(given)
    apply_one(section, body.name, checked, by=username(request), now=clock.now())
    return Status(201, _one(Audience.objects.get(kind=body.kind, name=body.name)))


@router.get("{int:audience_id}", response=AudienceOut)
def get_audience(request: HttpRequest, audience_id: int) -> Any:
    return _one(get_object_or_404(Audience, pk=audience_id))


@router.patch("{int:audience_id}", response=AudienceOut)
def edit_audience(request: HttpRequest, audience_id: int, body: EditIn) -> Any:
    """Rename a list, or write another description, owner, folder or last day; 409 when it cannot be."""
    audience = get_object_or_404(Audience, pk=audience_id)
    old = audience.name
    if body.expires_on != audience.expires_on:
        editing.demand_to_come(body.expires_on, clock.now())
    with transaction.atomic():
        editing.edit(audience, Edit(**body.model_dump()))
        for sync, misfit in limits.all_problems() if body.group else ():
            raise DefinitionError(
                audience.kind, audience.name, "group", f"sync “{sync.name}”: {misfit.message}"
            )
    shown = _one(audience)
    return shown | {"hints": [*hints.after_renaming(audience, old), *shown["hints"]]}


@router.delete("{int:audience_id}", response={204: None})
def delete_audience(request: HttpRequest, audience_id: int) -> Any:
    """Delete an audience with its history; 409 says what depends on it."""
    remove_audience(get_object_or_404(Audience, pk=audience_id))
    return Status(204, None)


@router.get("{int:audience_id}/uses", response=list[UseOut])
def list_uses(request: HttpRequest, audience_id: int) -> Any:
    """What depends on it: rules, syncs, programs, campaigns, seed plans."""
    return uses(get_object_or_404(Audience, pk=audience_id))


@router.post("{int:audience_id}/freeze", response={201: AudienceOut})
def freeze_audience(request: HttpRequest, audience_id: int, body: FreezeIn) -> Any:
    """Keep the members, as last published or as of a past moment, for good in a frozen list; 409."""
    audience = get_object_or_404(Audience, pk=audience_id)
    made = freeze(audience, by=username(request), at=clock.now(), cause="api", **body.model_dump())
    return Status(201, _one(made))


@router.get("{int:audience_id}/history", response=list[NightOut])
def history(request: HttpRequest, audience_id: int) -> Any:
    """Size, gained and lost of every evaluation, oldest first."""
    return published.history(get_object_or_404(Audience, pk=audience_id))


def _one(audience: Audience) -> dict[str, Any]:
    return _out(overview([audience], clock.now())[0])


def _out(seen: Seen) -> dict[str, Any]:
    one = seen.audience
    names = ("id", "name", "kind", "rule", "description", "owner", "folder", "expires_on")
    figures = ("size", "gained", "lost", "evaluated", "error", "synced")
    return {
        **{name: getattr(one, name) for name in (*names, "frozen_from", "frozen_at")},
        **{name: getattr(seen, name) for name in figures},
        "group": one.group.name if one.group else None,
        "expired": one.expired_at is not None,
        "kept_by": [str(use) for use in seen.kept_by],
        "hints": hints.of_name(one),
    }
