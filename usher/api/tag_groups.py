"""Tag groups: list, with their tags, and delete."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status

from usher.audiences.models import TagGroup
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


@router.get("", response=list[TagGroupOut])
def list_groups(request: HttpRequest) -> Any:
    """Every tag group with the names of its tags."""
    return TagGroup.objects.prefetch_related("tags")


@router.delete("{int:group_id}", response={204: None})
def delete_group(request: HttpRequest, group_id: int) -> Any:
    """Delete an empty group; 409 says what is in it, or takes it."""
    remove_group(get_object_or_404(TagGroup, pk=group_id))
    return Status(204, None)
