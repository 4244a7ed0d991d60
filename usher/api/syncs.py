"""Syncs: list, and their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema
from pydantic import Field

from usher.syncs.models import Sync

router = Router(tags=["syncs"])


class SyncOut(Schema):
    id: int
    name: str
    list_name: str
    schedule: str
    audience: str
    destination: str

    @staticmethod
    def resolve_audience(one: Sync) -> str:
        return one.audience.name

    @staticmethod
    def resolve_destination(one: Sync) -> str:
        return one.destination.name


class RunOut(Schema):
    id: int
    now: datetime
    state: str
    read: int
    added: int
    updated: int
    unchanged: int
    refused: int
    removed: int
    calls_foreseen: dict[str, int]
    calls_made: dict[str, int]
    error: str


@router.get("", response=list[SyncOut])
def list_syncs(request: HttpRequest) -> Any:
    """Every sync."""
    return Sync.objects.select_related("audience", "destination")


@router.get("{sync_id}/runs", response=list[RunOut])
def runs(request: HttpRequest, sync_id: int, limit: Annotated[int, Field(ge=1, le=1000)] = 50) -> Any:
    """The latest runs, the newest first: read = added + updated + unchanged + refused."""
    return get_object_or_404(Sync, pk=sync_id).runs.all()[:limit]
