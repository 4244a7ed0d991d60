"""What happened in a night and in all of them, counted from rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, Sum

from usher.audiences.models import Snapshot
from usher.engage.models import Contact, Enrolment, Message, ProgramCheck, Suppression
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState
from usher.seeds.models import Expectation, Incident, Placement
from usher.syncs.models import Run


@dataclass(frozen=True)
class Night:
    """One night's figures; seeds are counted apart from customers everywhere."""

    as_of: datetime
    members: int
    tagged: int
    untagged: int
    added: int
    updated: int
    removed: int
    #: Calls that the sync made to the platform.
    calls: int
    enrolled: int
    mailed: int
    bounced: int
    unsubscribed: int
    #: People who left the program, by how.
    exited: dict[str, int]
    seeds: dict[str, int]
    #: Real seconds that the night took.
    seconds: float

    @property
    def came_back(self) -> int:
        return self.exited.get("came back", 0)


def count(begins: datetime, ends: datetime, seconds: float) -> Night:
    """The night from `begins` (its 06:00) until `ends` (the next one's)."""
    during = (begins, ends)
    tag = _snapshot("LAPSED_BUYER", begins)
    run = Run.objects.filter(now__gte=begins, now__lt=ends).order_by("-id").first()
    customers = Message.objects.filter(contact__is_seed=False)
    checks = ProgramCheck.objects.filter(slot__gte=begins, slot__lt=ends)
    enrolled = checks.aggregate(people=Sum("enrolled"), seeds=Sum("seeds"))
    return Night(
        as_of=begins,
        members=_snapshot("mailable", begins).size,
        tagged=tag.gained,
        untagged=tag.lost,
        added=run.added if run else 0,
        updated=run.updated if run else 0,
        removed=run.removed if run else 0,
        calls=run.calls if run else 0,
        enrolled=(enrolled["people"] or 0) - (enrolled["seeds"] or 0),
        mailed=customers.filter(state=MessageState.SENT, sent_at__gte=begins, sent_at__lt=ends).count(),
        bounced=_suppressed(Status.HARD_BOUNCED, during),
        unsubscribed=_suppressed(Status.UNSUBSCRIBED, during),
        exited=_exits(Enrolment.objects.filter(left_at__gte=begins, left_at__lt=ends)),
        seeds=_seeds(during),
        seconds=round(seconds, 2),
    )


def _snapshot(audience: str, moment: datetime) -> Snapshot:
    return Snapshot.objects.get(audience__name=audience, evaluation__now=moment)


def _suppressed(reason: Status, during: tuple[datetime, datetime]) -> int:
    return Suppression.objects.filter(reason=reason, at__gte=during[0], at__lt=during[1]).count()


def _exits(left: object) -> dict[str, int]:
    rows = left.filter(contact__is_seed=False).values_list("outcome").annotate(Count("id"))  # type: ignore[attr-defined]
    return dict(sorted(rows))


def _seeds(during: tuple[datetime, datetime]) -> dict[str, int]:
    """Seeds placed this night, mail expected of this night by verdict, and incidents open at its end."""
    begins, ends = during
    verdicts = Counter(
        Expectation.objects.filter(due_at__gte=begins, due_at__lt=ends, must_arrive=True).values_list(
            "verdict", flat=True
        )
    )
    opened = Incident.objects.filter(opened_at__lt=ends)
    return {
        "placed": Placement.objects.filter(slot__gte=begins, slot__lt=ends, state="placed").count(),
        "expected": sum(verdicts.values()),
        **{verdict: verdicts[verdict] for verdict in sorted(verdicts)},
        "incidents_open": opened.filter(Q(closed_at=None) | Q(closed_at__gte=ends)).count(),
    }


def totals(nights: Sequence[Night]) -> dict[str, object]:
    """Sums over the nights beside what the rows say, and whether the two agree."""
    everyone = Enrolment.objects.filter(contact__is_seed=False)
    messages = Message.objects.filter(contact__is_seed=False)
    by_state = dict(messages.values_list("state").annotate(Count("id")))
    exits = sum((Counter(night.exited) for night in nights), Counter[str]())
    enrolled = sum(night.enrolled for night in nights)
    inside = everyone.filter(left_at=None).count()
    twice = (
        messages.values("contact", "campaign", "enrolment").annotate(n=Count("id")).filter(n__gt=1).count()
    )
    counted = {
        name: sum(getattr(night, name) for night in nights)
        for name in (
            "tagged",
            "untagged",
            "added",
            "updated",
            "removed",
            "calls",
            "mailed",
            "bounced",
            "unsubscribed",
        )
    }
    members = nights[-1].members if nights else 0
    refused = Run.objects.order_by("id").last()
    return {
        "nights": len(nights),
        "members": members,
        **counted,
        "enrolled": enrolled,
        "inside": inside,
        "exited": dict(sorted(exits.items())),
        "messages": by_state,
        "mailed_twice": twice,
        "contacts": Contact.objects.filter(is_seed=False).count(),
        "seconds": round(sum(night.seconds for night in nights), 1),
        "adds_up": {
            "enrolled = inside + exited": enrolled == inside + sum(exits.values()),
            "mailed = messages sent": counted["mailed"] == by_state.get(MessageState.SENT, 0),
            "members = added - removed + refused": members
            == counted["added"] - counted["removed"] + (refused.refused if refused else 0),
            "nobody twice": twice == 0,
        },
    }


def incidents() -> list[dict[str, object]]:
    """Every incident of the seeds with its course."""
    rows = Incident.objects.select_related("expectation__placement").order_by("opened_at")
    return [
        {
            "mail": row.expectation.mail,
            "seed": row.expectation.placement.address,
            "opened_at": row.opened_at,
            "closed_at": row.closed_at,
            "state": row.state,
            "verdict": row.verdict,
            "hop": row.hop,
            "detail": row.detail,
            "changes": list(row.changes.order_by("at").values("at", "state", "hop", "detail")),
        }
        for row in rows
    ]


def as_json(nights: Sequence[Night]) -> dict[str, Any]:
    return {
        "nights": [asdict(night) | {"came_back": night.came_back} for night in nights],
        "totals": totals(nights),
        "incidents": incidents(),
    }
