"""What the monitor knows, as plain values for `usher seeds report --json`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count

from usher.seeds.models import Expectation, Incident, Placement

#: Incidents told of in full, the latest first.
TOLD = 100

Verdict = Expectation.Verdict


def report(now: datetime) -> dict[str, Any]:
    """Counts of seeds, of expected mail by verdict, and the incidents.

    expected = on_time + late + early + duplicate + missing + pending; `unexpected` is mail nobody expected.
    """
    placements = _counts(Placement.objects.all(), "state")
    expected = Expectation.objects.filter(must_arrive=True)
    verdicts = _counts(expected, "verdict")
    uncalled = Expectation.objects.filter(must_arrive=False, verdict=Verdict.UNEXPECTED)
    incidents = Incident.objects.select_related("expectation__placement__path__plan").prefetch_related(
        "changes"
    )
    return {
        "as_of": now.isoformat(),
        "placements": {state: placements.get(state, 0) for state in Placement.State.values},
        "expected": sum(verdicts.values()),
        **{
            verdict: verdicts.get(verdict, 0)
            for verdict in (
                Verdict.ON_TIME.value,
                Verdict.LATE.value,
                Verdict.EARLY.value,
                Verdict.DUPLICATE.value,
                Verdict.MISSING.value,
                Verdict.PENDING.value,
            )
        },
        "unexpected": uncalled.count(),
        "open_incidents": Incident.objects.exclude(state=Incident.State.CLOSED).count(),
        "incidents": [_incident(incident) for incident in incidents.prefetch_related("changes")[:TOLD]],
    }


def _counts(rows: Any, column: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(column).annotate(Count("pk")))


def _incident(incident: Incident) -> dict[str, Any]:
    expectation = incident.expectation
    path = expectation.placement.path
    return {
        "plan": path.plan.name,
        "path": path.name,
        "seed": expectation.placement.address,
        "mail": expectation.mail,
        "due_at": expectation.due_at.isoformat(),
        "verdict": incident.verdict,
        "state": incident.state,
        "hop": incident.hop,
        "detail": incident.detail,
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at and incident.closed_at.isoformat(),
        "changes": [
            {"at": change.at.isoformat(), "state": change.state, "hop": change.hop, "detail": change.detail}
            for change in incident.changes.all()
        ],
    }
