from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from usher.seeds.models import Expectation, Incident, SeedPlan
from usher.seeds.report import report
from usher.seeds.round import Round, due, next_due, tick
from usher.seeds.tests.conftest import CLICKS, DOES_NOT, Deliver, at
from usher.seeds.tests.platform import Platform

MISS_YOU, FAVOURITES = "We miss you", "Your favourites are waiting"


def test_without_a_plan_nothing_is_ever_due(db: None) -> None:
    assert not due(at(1, "06:30"))
    assert next_due(at(1, "06:30")) is None
    assert tick(at(1, "06:30")) == Round(placed=0, arrived=0, clicked=0, incidents=0)


def test_a_round_without_trouble_wakes_only_when_something_is_due(
    plan: SeedPlan, platform: Platform, deliver: Deliver
) -> None:
    now, woke = at(1, "00:00"), []
    mail = [
        (CLICKS, MISS_YOU, at(1, "07:00"), f'<a href="{platform.url}/t/c/token">Come back</a>'),
        (DOES_NOT, MISS_YOU, at(1, "07:00"), ""),
        (DOES_NOT, FAVOURITES, at(8, "07:00"), ""),
    ]
    while (now := next_due(now) or now) < at(11, "06:30"):
        assert due(now)
        while mail and mail[0][2] <= now:
            deliver(*mail.pop(0))
        woke.append((f"{now:%d %H:%M}", tick(now)))
        assert not due(now)
    assert woke == [
        ("01 06:30", Round(placed=2, arrived=0, clicked=0, incidents=0)),
        ("01 07:30", Round(placed=0, arrived=2, clicked=0, incidents=0)),
        ("02 07:00", Round(placed=0, arrived=0, clicked=1, incidents=0)),
        ("08 07:30", Round(placed=0, arrived=1, clicked=0, incidents=0)),
    ]
    assert {row.verdict for row in Expectation.objects.all()} == {"on_time", "absent"}
    assert platform.clicks == ["token"]


def test_an_outage_of_a_day_opens_one_incident_a_mail_and_closes_it_when_the_mail_comes(
    plan: SeedPlan, platform: Platform, deliver: Deliver
) -> None:
    drained, now = at(2, "07:20"), at(1, "00:00")
    while (now := next_due(now) or now) < at(3, "00:00"):
        if drained and drained <= now:
            for seed in (CLICKS, DOES_NOT):
                deliver(seed, MISS_YOU, drained)
            drained = None
        tick(now)
    assert [(one.opened_at, one.state, one.verdict, one.closed_at) for one in Incident.objects.all()] == [
        (at(1, "07:30"), "closed", "late", at(2, "07:30"))
    ] * 2
    assert counts(now) == {"expected": 3, "on_time": 0, "late": 2, "missing": 0, "pending": 1}


def counts(now: datetime) -> dict[str, int]:
    told = report(now)
    return {name: told[name] for name in ("expected", "on_time", "late", "missing", "pending")}


def test_the_report_adds_up_and_tells_each_incidents_story(
    plan: SeedPlan, platform: Platform, deliver: Deliver
) -> None:
    tick(at(1, "06:30"))
    deliver(DOES_NOT, MISS_YOU, at(1, "07:00"))
    deliver(DOES_NOT, "Buy now", at(1, "07:00"))
    tick(at(1, "07:30"))
    told = report(at(1, "07:30"))
    incidents = {one["mail"]: one for one in told.pop("incidents")}
    assert told == {
        "as_of": "1998-01-01T07:30:00+00:00",
        "placements": {"intended": 0, "placed": 2, "failed": 0},
        "expected": 3,
        "on_time": 1,
        "late": 0,
        "early": 0,
        "duplicate": 0,
        "missing": 1,
        "pending": 1,
        "unexpected": 1,
        "open_incidents": 2,
    }
    assert set(incidents) == {MISS_YOU, "Buy now"}
    assert incidents[MISS_YOU] == {
        "plan": "Win back seeds",
        "path": "clicks",
        "seed": CLICKS,
        "mail": MISS_YOU,
        "due_at": "1998-01-01T07:00:00+00:00",
        "verdict": "missing",
        "state": "open",
        "hop": "program",
        "detail": "the seed is not enrolled in “Win back”: check how contacts enter it",
        "opened_at": "1998-01-01T07:30:00+00:00",
        "closed_at": None,
        "changes": [
            {
                "at": "1998-01-01T07:30:00+00:00",
                "state": "open",
                "hop": "program",
                "detail": "the seed is not enrolled in “Win back”: check how contacts enter it",
            }
        ],
    }


def test_an_incident_is_looked_at_hourly_at_first_and_daily_later(
    plan: SeedPlan, platform: Platform, deliver: Deliver
) -> None:
    tick(at(1, "06:30"))
    tick(at(1, "07:30"))
    assert next_due(at(1, "07:30")) == at(1, "08:30")
    tick(at(4, "07:30"))
    assert Incident.objects.first().look_again_at == at(5, "07:30")


def test_a_long_pause_makes_up_for_nothing_but_the_latest_slot(
    plan: SeedPlan, platform: Platform, deliver: Deliver
) -> None:
    tick(at(1, "06:30"))
    tick(at(1, "06:30") + timedelta(days=400))
    assert len(platform.added()) == 4


@pytest.mark.parametrize("cut", ["place", "collect", "judge"])
def test_a_round_that_was_cut_short_is_finished_by_the_next(
    cut: str, plan: SeedPlan, platform: Platform, deliver: Deliver
) -> None:
    from usher.seeds.collect import collect
    from usher.seeds.place import place

    place(at(1, "06:30"))
    deliver(CLICKS, MISS_YOU, at(1, "07:00"))
    if cut != "place":
        collect(at(1, "07:30"))
    if cut == "judge":
        from usher.seeds.judge import _judge as verdicts_only

        for placement in {row.placement_id for row in Expectation.objects.all()}:
            verdicts_only(placement, at(1, "07:30"))
        assert Incident.objects.count() == 0
    tick(at(1, "07:31"))
    tick(at(1, "07:32"))
    assert [one.expectation.placement.address for one in Incident.objects.all()] == [DOES_NOT]
