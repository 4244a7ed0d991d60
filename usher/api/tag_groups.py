"""Tag groups: list, with their tags, make, change and delete."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status

from usher.api.words import Asked, Text
from usher.audiences.models import TagGroup
from usher.definitions import groups
from usher.definitions.remove import remove_group

router = Router(tags=["tag groups"])


class TagGroupOut(Schema):
    id: int
    name: str
    description: str
    tags: list[str]

    @staticmethod
    def resolve_tags(one: TagGroup) -> list[str]:
        return [tag.name for tag in one.tags.all()]


class TagGroupIn(Asked):
    name: Text
    description: Text = ""


class TagGroupEdit(Asked):
    name: Text | None = None
    description: Text | None = None


@router.get("", response=list[TagGroupOut])
def list_groups(request: HttpRequest) -> Any:
    """Every tag group with the names of its tags."""
    return TagGroup.objects.prefetch_related("tags")


@router.post("", response={201: TagGroupOut})
def make_group(request: HttpRequest, body: TagGroupIn) -> Any:
    """Make a group; 409 when the name is taken, or is no name."""
    return Status(201, groups.make(body.name, body.description))


@router.patch("{int:group_id}", response=TagGroupOut)
def edit_group(request: HttpRequest, group_id: int, body: TagGroupEdit) -> Any:
    """Write another name (409 while a sync knows the group by its name) or description."""
    group = get_object_or_404(TagGroup, pk=group_id)
    groups.edit(group, name=body.name, description=body.description)
    return group


@router.delete("{int:group_id}", response={204: None})
def delete_group(request: HttpRequest, group_id: int) -> Any:
    """Delete an empty group; 409 says what is in it, or takes it."""
    remove_group(get_object_or_404(TagGroup, pk=group_id))
    return Status(204, None)
