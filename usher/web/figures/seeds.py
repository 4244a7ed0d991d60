"""Expected and arrived, a row for each seed and a column for each mail; delays; incidents."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Case, Count, Q, QuerySet, When
from django.utils import timezone
from django.utils.formats import date_format

from usher.engage.models import Contact
from usher.seeds.models import Arrival, Expectation, Incident, Placement, SeedPlan

Verdict = Expectation.Verdict
#: Behind every mail that does come.
NEVER = timedelta(days=36_500)


@dataclass(frozen=True)
class Cell:
    """One mail for one seed: its verdict, when it was due, when it came and how late."""

    expectation: Expectation
    state: str
    arrived_at: datetime | None
    delay: timedelta | None
    incident: Incident | None


@dataclass(frozen=True)
class Matrix:
    """The seeds of one plan on this page: its mails across, its placements down."""

    plan: SeedPlan
    mails: list[str]
    rows: list[tuple[Placement, list[Cell | None]]]


def placements() -> QuerySet[Placement]:
    """All seeds, plan by plan, the newest slot first."""
    return (
        Placement.objects.select_related("path__plan")
        .prefetch_related("expectations__arrivals", "expectations__incident")
        .order_by("path__plan__name", "-slot", "path__position", "id")
    )


def matrices(found: Iterable[Placement], now: datetime) -> list[Matrix]:
    by_plan = groupby(found, key=lambda placement: placement.path.plan)
    return [_matrix(plan, list(rows), now) for plan, rows in by_plan]


def _matrix(plan: SeedPlan, found: list[Placement], now: datetime) -> Matrix:
    """Mails stand in the order in which they come."""
    after: dict[str, timedelta] = {}
    for placement in found:
        for row in placement.expectations.all():
            due = row.due_at - placement.slot + (timedelta(0) if row.must_arrive else NEVER)
            after[row.mail] = min(due, after.get(row.mail, due))
    mails = sorted(after, key=lambda mail: (after[mail], mail))
    return Matrix(plan, mails, [(row, _cells(row, mails, now)) for row in found])


def _cells(placement: Placement, mails: list[str], now: datetime) -> list[Cell | None]:
    by_mail = {row.mail: _cell(row, now) for row in placement.expectations.all()}
    return [by_mail.get(mail) for mail in mails]


def _cell(row: Expectation, now: datetime) -> Cell:
    arrived = min((arrival.received_at for arrival in row.arrivals.all()), default=None)
    waits = row.verdict == Verdict.PENDING and row.due_at <= now
    delay = arrived - row.due_at if arrived else None
    state = ("due" if row.must_arrive else "watched") if waits else row.verdict
    return Cell(row, state, arrived, delay, getattr(row, "incident", None))


def counts(now: datetime) -> dict[str, Any]:
    """Mails expected so far, and of those arrived, late and missing; seeds and incidents still open."""
    due = Expectation.objects.filter(must_arrive=True).exclude(verdict=Verdict.PENDING)
    found: dict[str, Any] = due.aggregate(
        due=Count("id"),
        on_time=Count("id", filter=Q(verdict__in=[Verdict.ON_TIME, Verdict.EARLY])),
        late=Count("id", filter=Q(verdict=Verdict.LATE)),
        missing=Count("id", filter=Q(verdict=Verdict.MISSING)),
        doubled=Count("id", filter=Q(verdict=Verdict.DUPLICATE)),
    )
    found["seeds"] = Placement.objects.count()
    found["open"] = Incident.objects.exclude(state=Incident.State.CLOSED).count()
    return found


def incidents() -> QuerySet[Incident]:
    """Open ones first, then the newest."""
    return (
        Incident.objects.select_related("expectation__placement__path__plan__destination")
        .prefetch_related("changes")
        .order_by(Case(When(state=Incident.State.CLOSED, then=1), default=0), "-opened_at", "-id")
    )


def delays() -> dict[str, list[Any]]:
    """x: arrivals as they stand on the organisation's wall (seconds, read as UTC); y: minutes after due."""
    rows = Arrival.objects.filter(expectation__isnull=False).order_by("received_at")
    pairs = list(rows.values_list("received_at", "expectation__due_at"))[-500:]
    local = [timezone.localtime(came) for came, _ in pairs]
    return {
        "x": [timegm(came.timetuple()) for came in local],
        "y": [round((came - due).total_seconds() / 60, 1) for came, due in pairs],
        "shown": [date_format(came, "j M Y, H:i") for came in local],
    }


def contact_of(placement: Placement) -> Contact | None:
    """The seed as the engine knows it, if the engine is where it was placed."""
    return Contact.objects.filter(email_key=placement.address.lower()).first()


def of_program(name: str) -> list[dict[str, Any]]:
    """The newest seed on each way through a program, and how much of its mail came."""
    newest = Placement.objects.filter(path__plan__program__iexact=name, path__removed_at=None)
    newest = newest.order_by("path_id", "-slot").distinct("path_id")
    rows = Placement.objects.filter(pk__in=newest.values("pk")).select_related("path")
    return [_walked(row) for row in rows.prefetch_related("expectations").order_by("path__position")]


def _walked(row: Placement) -> dict[str, Any]:
    due = [one for one in row.expectations.all() if one.must_arrive and one.verdict != Verdict.PENDING]
    came = (Verdict.ON_TIME, Verdict.EARLY, Verdict.LATE, Verdict.DUPLICATE)
    worst = next((one.verdict for one in due if one.verdict != Verdict.ON_TIME), None)
    state = worst or (Verdict.ON_TIME if due else Verdict.PENDING)
    arrived = sum(one.verdict in came for one in due)
    return {"name": row.path.name, "slot": row.slot, "state": state, "arrived": arrived, "due": len(due)}
