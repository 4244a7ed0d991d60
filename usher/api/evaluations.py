"""Evaluations: ask for one, and see how far it is and how the last ones ended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from usher.audiences.models import Evaluation
from usher.work.asked import ask, asked

router = Router(tags=["evaluations"])


class EvaluationOut(Schema):
    id: int
    now: datetime
    started_at: datetime
    finished_at: datetime | None
    state: str
    error: str
    failed: int
    seconds: float | None


class AskedOut(Schema):
    waiting: bool
    running: bool
    last: EvaluationOut | None


@router.post("", response={202: AskedOut})
def evaluate(request: HttpRequest) -> Any:
    """Have everything evaluated by a worker. Ask for /state until nothing waits or runs any more."""
    ask()
    return Status(202, asked())


@router.get("state", response=AskedOut)
def state(request: HttpRequest) -> Any:
    """Whether one that was asked for waits for a worker or runs, and the last that ended."""
    return asked()


@router.get("", response=list[EvaluationOut])
def evaluations(request: HttpRequest, limit: Annotated[int, Field(ge=1, le=1000)] = 50) -> Any:
    """The latest evaluations, the newest first: done, refused (the data), failed or running."""
    return Evaluation.objects.all()[:limit]
