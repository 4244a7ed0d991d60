"""Judge what was expected by what arrived, and keep the incidents in step."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from usher.seeds import incidents
from usher.seeds.match import Arrived, Expected, match, verdict
from usher.seeds.models import Arrival, Expectation, Placement


def judge(now: datetime) -> int:
    """Give the verdicts that are due, and open, follow and close incidents; how many incidents changed."""
    waiting = Placement.objects.filter(
        Q(expectations__judge_at__lte=now) | Q(arrivals__isnull=False, arrivals__expectation=None)
    )
    for key in waiting.order_by("pk").distinct().values_list("pk", flat=True):
        _judge(key, now)
    return incidents.follow(now)


@transaction.atomic
def _judge(key: int, now: datetime) -> None:
    """All verdicts on one seed, reckoned anew from all that arrived; the row is locked meanwhile."""
    placement = Placement.objects.select_for_update(of=["self"]).select_related("path__plan").get(pk=key)
    arrivals = list(placement.arrivals.all())
    expectations = list(placement.expectations.all())
    answers = match(
        [_expected(one) for one in expectations],
        [Arrived(one.pk, one.subject, one.received_at) for one in arrivals],
    )
    by_key = {one.pk: one for one in expectations}
    for arrival in arrivals:
        answer = answers[arrival.pk]
        arrival.expectation = by_key[answer] if answer else _surprise(arrival, expectations)
    Arrival.objects.bulk_update(arrivals, ["expectation"])
    for one in expectations:
        _decide(one, [arrival for arrival in arrivals if arrival.expectation == one], now)
    Expectation.objects.bulk_update(expectations, ["verdict", "judge_at"])


def _decide(one: Expectation, arrivals: list[Arrival], now: datetime) -> None:
    closes = one.window_closes_at + one.placement.path.plan.grace
    received = sorted(arrival.received_at for arrival in arrivals)
    one.verdict = verdict(_expected(one), received, final=now >= closes)
    one.judge_at = closes if one.verdict == Expectation.Verdict.PENDING else None


def _surprise(arrival: Arrival, expectations: list[Expectation]) -> Expectation:
    """The row for a mail that nobody expected; further copies of it share the row."""
    for one in expectations:
        if not one.must_arrive and one.subject == arrival.subject:
            return one
    one = Expectation.objects.create(
        placement=arrival.placement,
        position=max((one.position for one in expectations), default=-1) + 1,
        mail=arrival.subject[:500],
        subject=arrival.subject,
        must_arrive=False,
        due_at=arrival.received_at,
        window_closes_at=arrival.received_at,
    )
    expectations.append(one)
    return one


def _expected(one: Expectation) -> Expected:
    return Expected(one.pk, one.subject, one.due_at, one.window_closes_at, one.must_arrive)
