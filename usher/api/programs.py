"""Programs: list with those inside."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from ninja import Router, Schema

from usher.engage.models import Program

router = Router(tags=["programs"])


class ProgramOut(Schema):
    id: int
    name: str
    status: str
    inside: int
    ever: int


@router.get("", response=list[ProgramOut])
def list_programs(request: HttpRequest) -> Any:
    """Every program of the engine; seeds are not counted."""
    people = Q(enrolments__contact__is_seed=False)
    return Program.objects.annotate(
        inside=Count("enrolments", filter=people & Q(enrolments__left_at=None)),
        ever=Count("enrolments", filter=people),
    ).order_by("name")
