from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from usher.seeds import incidents
from usher.seeds.collect import collect
from usher.seeds.judge import judge
from usher.seeds.models import Expectation, Incident, SeedPlan
from usher.seeds.place import place
from usher.seeds.tests.conftest import CLICKS, DOES_NOT, Deliver, at
from usher.seeds.tests.platform import Platform

MISS_YOU, FAVOURITES = "We miss you", "Your favourites are waiting"
JUST = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def placed(plan: SeedPlan, platform: Platform) -> None:
    place(at(1, "06:30"))


def look(now: datetime) -> int:
    collect(now)
    return judge(now)


def verdicts(address: str) -> dict[str, str]:
    rows = Expectation.objects.filter(placement__address=address)
    return {row.mail: row.verdict for row in rows.order_by("position")}


def story(incident: Incident) -> list[tuple[datetime, str, str]]:
    return [(change.at, change.state, change.hop) for change in incident.changes.all()]


def test_mail_within_its_window_is_on_time_and_no_incident(deliver: Deliver) -> None:
    deliver(CLICKS, MISS_YOU, at(1, "07:00"))
    deliver(DOES_NOT, MISS_YOU, at(1, "07:30"))
    assert look(at(1, "07:30")) == 0
    assert verdicts(CLICKS) == {MISS_YOU: "on_time", FAVOURITES: "pending"}
    assert verdicts(DOES_NOT) == {MISS_YOU: "on_time", FAVOURITES: "pending"}
    deliver(DOES_NOT, FAVOURITES, at(8, "07:00"))
    assert look(at(8, "07:30")) == 0
    assert verdicts(CLICKS) == {MISS_YOU: "on_time", FAVOURITES: "absent"}
    assert verdicts(DOES_NOT) == {MISS_YOU: "on_time", FAVOURITES: "on_time"}


def test_a_mail_is_not_missing_before_its_window_has_closed(deliver: Deliver) -> None:
    assert look(at(1, "07:30") - JUST) == 0
    assert verdicts(CLICKS)[MISS_YOU] == "pending"
    assert look(at(1, "07:30")) == 2
    assert verdicts(CLICKS)[MISS_YOU] == verdicts(DOES_NOT)[MISS_YOU] == "missing"


def test_grace_waits_for_a_mailbox_that_shows_mail_late(
    define: Callable[..., SeedPlan], deliver: Deliver, platform: Platform
) -> None:
    define(grace="5 minutes")
    place(at(11, "06:30"))
    look(at(11, "07:30"))
    seeds = Expectation.objects.filter(placement__slot=at(11, "06:30"), mail=MISS_YOU)
    assert {row.verdict for row in seeds} == {"pending"}
    look(at(11, "07:35"))
    assert {row.verdict for row in seeds.all()} == {"missing"}


def test_one_incident_opens_however_often_it_is_judged(platform: Platform) -> None:
    assert [judge(at(1, "07:30")), judge(at(1, "07:30")), judge(at(1, "07:31"))] == [2, 0, 0]
    assert judge(at(2, "07:31")) == 0  # asked again, and nothing new
    incident = Incident.objects.get(expectation__placement__address=CLICKS)
    assert (incident.state, incident.verdict, incident.opened_at) == ("open", "missing", at(1, "07:30"))
    assert story(incident) == [(at(1, "07:30"), "open", "program")]


def test_a_late_mail_turns_its_incident_late_and_closes_it(deliver: Deliver, platform: Platform) -> None:
    deliver(DOES_NOT, MISS_YOU, at(1, "07:05"))
    look(at(1, "07:30"))
    deliver(CLICKS, MISS_YOU, at(2, "07:05"))
    assert look(at(2, "07:10")) == 1
    assert look(at(2, "08:10")) == 0
    assert verdicts(CLICKS)[MISS_YOU] == "late"
    incident = Incident.objects.get()
    assert (incident.state, incident.closed_at) == ("closed", at(2, "07:10"))
    assert story(incident) == [
        (at(1, "07:30"), "open", "program"),
        (at(2, "07:10"), "late", "program"),
        (at(2, "07:10"), "closed", "program"),
    ]
    assert incident.changes.all()[1].detail == (
        "the mail came on 1998-01-02 07:05, 23 hours 35 minutes after its window closed"
    )
    assert "not enrolled" in incident.detail  # the cause stays


def test_a_late_mail_seen_only_afterwards_is_one_incident_too(deliver: Deliver, platform: Platform) -> None:
    platform.messages = [message(attempts=3)]
    deliver(CLICKS, MISS_YOU, at(1, "09:00"))
    deliver(DOES_NOT, MISS_YOU, at(1, "07:05"))
    assert look(at(1, "12:00")) == 1
    incident = Incident.objects.get()
    assert [state for _, state, _ in story(incident)] == ["open", "late", "closed"]
    assert incident.hop == "relay"
    assert incident.detail == "the relay at 127.0.0.1:2525 took it only at attempt 3"


def test_mail_of_its_time_that_is_read_late_closes_the_incident(deliver: Deliver) -> None:
    judge(at(1, "07:30"))
    deliver(CLICKS, MISS_YOU, at(1, "07:29"))
    assert look(at(1, "07:40")) == 1
    assert verdicts(CLICKS)[MISS_YOU] == "on_time"
    incident = Incident.objects.get(expectation__placement__address=CLICKS)
    assert (incident.state, incident.look_again_at) == ("closed", None)
    assert incident.changes.last().detail == "the mail came on 1998-01-01 07:29, within its window"


def test_a_doubled_mail_opens_an_incident(deliver: Deliver, platform: Platform) -> None:
    platform.messages = [message()]
    for minute in ("07:01", "07:02"):
        deliver(CLICKS, MISS_YOU, at(1, minute))
    assert look(at(1, "07:05")) == 1
    assert verdicts(CLICKS)[MISS_YOU] == "duplicate"
    incident = Incident.objects.get()
    assert (incident.state, incident.hop) == ("open", "relay")
    assert incident.detail == (
        "the mail came 2 times: 1998-01-01 07:01, 1998-01-01 07:02; the platform queued it once: "
        "it was doubled on the way, or sent again after a lost answer"
    )


def test_a_second_copy_opens_the_closed_incident_again(deliver: Deliver, platform: Platform) -> None:
    judge(at(1, "07:30"))
    deliver(CLICKS, MISS_YOU, at(1, "08:00"))
    look(at(1, "08:30"))
    platform.messages = [message(), message()]
    deliver(CLICKS, MISS_YOU, at(1, "09:00"))
    look(at(1, "09:30"))
    incident = Incident.objects.get(expectation__placement__address=CLICKS)
    assert (incident.state, incident.verdict, incident.hop, incident.closed_at) == (
        "open",
        "duplicate",
        "program",
        None,
    )
    assert [state for _, state, _ in story(incident)] == ["open", "late", "closed", "open"]


def test_an_early_mail_opens_an_incident(deliver: Deliver, platform: Platform) -> None:
    platform.messages = [message()]
    deliver(CLICKS, MISS_YOU, at(1, "06:59"))
    assert look(at(1, "07:05")) == 1
    assert Incident.objects.get().detail == (
        "the mail came on 1998-01-01 06:59, before its window opened on 1998-01-01 07:00; "
        "the platform queued it on 1998-01-01 07:00"
    )


def test_mail_that_must_not_come_opens_an_incident(deliver: Deliver) -> None:
    deliver(CLICKS, FAVOURITES, at(8, "07:00"))
    deliver(CLICKS, MISS_YOU, at(1, "07:00"))
    deliver(DOES_NOT, MISS_YOU, at(1, "07:00"))
    assert look(at(8, "07:10")) == 1
    assert verdicts(CLICKS) == {MISS_YOU: "on_time", FAVOURITES: "unexpected"}
    assert Incident.objects.get().hop == "unknown"


def test_mail_that_nobody_thought_of_opens_one_incident(deliver: Deliver) -> None:
    for hour in ("07:10", "07:11"):
        deliver(CLICKS, "Buy now", at(1, hour))
    assert look(at(1, "07:15")) == 1
    assert verdicts(CLICKS)["Buy now"] == "unexpected"
    deliver(CLICKS, "Buy now", at(1, "07:20"))
    assert look(at(1, "07:25")) == 0
    assert Expectation.objects.filter(mail="Buy now").count() == Incident.objects.count() == 1


def test_a_person_can_close_an_incident(deliver: Deliver) -> None:
    deliver(CLICKS, "Buy now", at(1, "07:10"))
    look(at(1, "07:15"))
    incidents.close(Incident.objects.get(), "Olga", "it was a test", at(1, "08:00"))
    assert look(at(1, "07:16")) == 0
    incident = Incident.objects.get()
    assert (incident.state, incident.closed_at) == ("closed", at(1, "08:00"))
    assert incident.changes.last().detail == "closed by Olga: it was a test"


def test_the_same_subject_again_a_week_later_is_not_a_duplicate(
    define: Callable[..., SeedPlan], deliver: Deliver, platform: Platform
) -> None:
    again = {"mail": MISS_YOU, "at": "07:00"}
    define(paths={"clicks": {"expect": [again, again | {"after": "7 days"}]}})
    place(at(11, "06:30"))
    seed = CLICKS.replace("19980101", "19980111")
    deliver(seed, MISS_YOU, at(11, "07:00"))
    deliver(seed, MISS_YOU, at(18, "07:00"))
    look(at(18, "08:00"))
    rows = Expectation.objects.filter(placement__address=seed)
    assert [row.verdict for row in rows] == ["on_time", "on_time"]


def test_a_seed_placed_late_is_expected_anew_within_the_same_incident(
    deliver: Deliver, platform: Platform
) -> None:
    platform.trouble = 503
    place(at(11, "06:30"))
    judge(at(11, "07:30"))
    seed = CLICKS.replace("19980101", "19980111")
    incident = Incident.objects.get(expectation__placement__address=seed)
    assert incident.hop == "placement"
    assert incident.detail.startswith("the seed was not placed: ")
    platform.trouble = 0
    place(at(11, "08:00"))
    assert judge(at(11, "08:00")) == 2
    deliver(seed, MISS_YOU, at(12, "07:00"))
    look(at(12, "07:30"))
    incident.refresh_from_db()
    assert (incident.state, incident.verdict) == ("closed", "on_time")
    assert [change.detail for change in incident.changes.all()][1:] == [
        "the seed was placed late: the mail is now expected from 1998-01-12 07:00 to 1998-01-12 07:30",
        "the mail came on 1998-01-12 07:00, within its window",
    ]


def message(**values: object) -> dict[str, object]:
    return {
        "campaign": MISS_YOU,
        "subject": "We miss you, friend",
        "status": "sent",
        "queued_at": "1998-01-01T07:00:00+00:00",
        "sent_at": "1998-01-01T07:00:10+00:00",
        "attempts": 1,
        "relay": "127.0.0.1:2525",
        "code": 250,
        "reply": "2.0.0 Kept",
    } | values
