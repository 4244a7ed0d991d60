"""Audiences: list, members, history, why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema
from pydantic import Field

from usher.audiences import published
from usher.audiences.models import Audience

router = Router(tags=["audiences"])


class AudienceOut(Schema):
    id: int
    name: str
    kind: str
    rule: str
    description: str


class NightOut(Schema):
    now: datetime
    size: int
    gained: int
    lost: int


class MemberOut(Schema):
    key: str
    email: str | None


class MembersOut(Schema):
    total: int
    members: list[MemberOut]


@router.get("", response=list[AudienceOut])
def list_audiences(request: HttpRequest) -> Any:
    """Every tag, auto tag and customer list."""
    return Audience.objects.all()


@router.get("{audience_id}/history", response=list[NightOut])
def history(request: HttpRequest, audience_id: int) -> Any:
    """Size, gained and lost of every evaluation, oldest first."""
    return published.history(get_object_or_404(Audience, pk=audience_id))


@router.get("{audience_id}/members", response=MembersOut)
def members(
    request: HttpRequest,
    audience_id: int,
    search: str = "",
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=1000)] = 50,
) -> Any:
    """Members in the order of their keys; 409 when the audience was not evaluated yet."""
    return published.page(get_object_or_404(Audience, pk=audience_id), search, offset, limit)
