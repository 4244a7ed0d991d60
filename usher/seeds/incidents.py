"""Open, follow and close incidents: one for each expectation that went wrong, each change of it a row."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from usher.lib.http import OutsideError
from usher.seeds import hops
from usher.seeds.durations import write
from usher.seeds.hops import Finding
from usher.seeds.models import Expectation, Incident, IncidentChange, Placement
from usher.seeds.place import zone
from usher.seeds.reach import Reach

log = logging.getLogger(__name__)

Verdict = Expectation.Verdict
State = Incident.State

#: What makes an incident; the rest is well or still open.
TROUBLE = (Verdict.MISSING, Verdict.LATE, Verdict.EARLY, Verdict.DUPLICATE, Verdict.UNEXPECTED)
#: A missing mail is looked for again so often: in its first days, and later.
LOOK_AGAIN, LOOK_RARELY = timedelta(hours=1), timedelta(days=1)
FIRST_DAYS = timedelta(days=3)

#: Reads a cause from the platform's trace.
Answer = Callable[[Expectation, dict[str, Any] | None], Finding]


def follow(now: datetime) -> int:
    """Bring the incidents in step with the verdicts; how many were opened or changed."""
    stirred = Expectation.objects.filter(
        Q(incident=None, verdict__in=TROUBLE)
        | (Q(incident__isnull=False) & ~Q(verdict=F("incident__verdict")))
        | Q(incident__look_again_at__lte=now)
    )
    rows = stirred.select_related("incident", "placement__path__plan__destination").order_by("due_at", "pk")
    with Reach() as reach:
        return sum(_follow(expectation, reach, now) for expectation in rows)


def close(incident: Incident, by: str, note: str, now: datetime) -> None:
    """A person closes an incident: nothing else closes one about mail that came too often or uncalled for."""
    with transaction.atomic():
        _tell(incident, State.CLOSED, f"closed by {by}: {note}", now)
        incident.look_again_at = None
        incident.save()


def _follow(expectation: Expectation, reach: Reach, now: datetime) -> bool:
    incident: Incident | None = getattr(expectation, "incident", None)
    cause = _cause(expectation, incident, reach)  # asks the platform, hence outside of the transaction
    with transaction.atomic():
        if incident is None:
            incident, created = Incident.objects.get_or_create(
                expectation=expectation,
                defaults={
                    "verdict": expectation.verdict,
                    "hop": cause.hop,
                    "detail": cause.detail,
                    "opened_at": now,
                },
            )
            if not created:
                return False
            _tell(incident, State.OPEN, cause.detail, now)
            log.warning("incident opened, %s: %s", incident, cause.detail)
            changed = True
        else:
            changed = _heed(incident, cause, expectation.verdict, now)
        _resolve(incident, expectation, now)
        incident.verdict = expectation.verdict
        incident.look_again_at = _look_again(incident, now)
        incident.save()
    return changed


def _heed(incident: Incident, cause: Finding, verdict: str, now: datetime) -> bool:
    """Take over what is known now: no second incident, only a further line of the first."""
    news = cause.hop != incident.hop or not incident.detail.startswith(cause.cause)
    incident.hop, incident.detail = cause.hop, cause.detail
    if news:
        _tell(incident, State.OPEN, cause.detail, now)
    return news or incident.verdict != verdict


def _resolve(incident: Incident, expectation: Expectation, now: datetime) -> None:
    """Close the incident if the mail has come after all."""
    match expectation.verdict:
        case Verdict.LATE if incident.state == State.OPEN:
            _tell(incident, State.LATE, _lateness(expectation), now)
            _tell(incident, State.CLOSED, "closed, as the mail is there", now)
        case Verdict.ON_TIME if incident.state == State.OPEN:
            _tell(
                incident,
                State.CLOSED,
                f"the mail came on {_when(_came(expectation))}, within its window",
                now,
            )
        case Verdict.PENDING:
            window = f"from {_when(expectation.due_at)} to {_when(expectation.window_closes_at)}"
            _tell(incident, State.OPEN, f"the seed was placed late: the mail is now expected {window}", now)


def _tell(incident: Incident, state: str, detail: str, now: datetime) -> None:
    """Add a line to the incident's story."""
    if state == State.CLOSED and incident.state != State.CLOSED:
        log.info("incident closed, %s: %s", incident, detail)
    incident.state, incident.closed_at = state, now if state == State.CLOSED else None
    IncidentChange.objects.create(incident=incident, at=now, state=state, hop=incident.hop, detail=detail)


def _look_again(incident: Incident, now: datetime) -> datetime | None:
    if incident.verdict != Verdict.MISSING or incident.state != State.OPEN:
        return None
    return now + (LOOK_AGAIN if now - incident.opened_at < FIRST_DAYS else LOOK_RARELY)


def _cause(expectation: Expectation, incident: Incident | None, reach: Reach) -> Finding:
    """The hop that failed. Once the mail has come, or while nobody can be asked, an earlier answer stands."""
    known = Finding(Incident.Hop(incident.hop), incident.detail) if incident else None
    match expectation.verdict:
        case Verdict.MISSING:
            found = _asked(reach, hops.missing, expectation)
            return known if known and found.hop == Incident.Hop.UNKNOWN else found
        case Verdict.DUPLICATE | Verdict.EARLY | Verdict.UNEXPECTED:
            found = _asked(reach, hops.unwanted, expectation)
            return Finding(found.hop, f"{_complaint(expectation)}; {found.detail}")
    return known or _asked(reach, hops.delayed, expectation)


def _asked(reach: Reach, answer: Answer, expectation: Expectation) -> Finding:
    placement = expectation.placement
    try:
        trace = reach.trace(placement) if placement.state == Placement.State.PLACED else None
    except OutsideError as problem:
        return Finding(Incident.Hop.UNKNOWN, f"the platform could not be asked: {problem}")
    return answer(expectation, trace)


def _complaint(expectation: Expectation) -> str:
    moments = [arrival.received_at for arrival in expectation.arrivals.all()]
    when = ", ".join(_when(moment) for moment in moments)
    match expectation.verdict:
        case Verdict.EARLY:
            return f"the mail came on {when}, before its window opened on {_when(expectation.due_at)}"
        case Verdict.DUPLICATE:
            return f"the mail came {len(moments)} times: {when}"
    return f"a mail that was not expected came on {when}"


def _lateness(expectation: Expectation) -> str:
    came = _came(expectation)
    lateness = write(came - expectation.window_closes_at)
    return f"the mail came on {_when(came)}, {lateness} after its window closed"


def _came(expectation: Expectation) -> datetime:
    return min(arrival.received_at for arrival in expectation.arrivals.all())


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(zone()):%Y-%m-%d %H:%M}"
