"""Programs for the pages: who is where in each, counted over sets. Seeds are not counted as people."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery

from usher.engage.models import Enrolment, Program, ProgramCheck
from usher.engage.programs.versions import current
from usher.web.figures.steps import steps_of


def programs() -> QuerySet[Program]:
    """Programs with the people inside and ever, and when each last looked for people."""
    people = Q(enrolments__contact__is_seed=False)
    checks = ProgramCheck.objects.filter(program=OuterRef("pk")).order_by().values("program")
    return Program.objects.annotate(
        inside=Count("enrolments", filter=people & Q(enrolments__left_at=None)),
        ever=Count("enrolments", filter=people),
        last_check=Subquery(checks.annotate(at=Max("checked_at")).values("at")),
    ).order_by("name", "id")


def inside(program: Program, due_by: datetime | None = None) -> int:
    """People inside; with `due_by`, those of them who move on by then."""
    found = program.enrolments.filter(left_at=None, contact__is_seed=False)
    return found.filter(due_at__lte=due_by).count() if due_by else found.count()


def people(program: Program, step: str, outcome: str) -> QuerySet[Enrolment]:
    """Who left by `outcome`, the latest first; else who stands at `step` or anywhere, the next first."""
    found = program.enrolments.filter(contact__is_seed=False).select_related("contact")
    if outcome:
        return found.filter(left_at__isnull=False, outcome=outcome).order_by("-left_at", "id")
    found = found.filter(left_at=None).order_by("due_at", "id")
    return found.filter(node=step) if step else found


def title_of(program: Program, step: str) -> str:
    """What the step is called in the newest version; empty for a step that is not there."""
    version = current(program)
    found = steps_of(version.graph).get(step) if version else None
    return found.title if found else ""
