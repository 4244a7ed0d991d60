from __future__ import annotations

from typing import Any

import pytest

from usher.seeds.judge import judge
from usher.seeds.models import Incident, SeedPlan
from usher.seeds.place import place
from usher.seeds.tests.conftest import CLICKS, DOES_NOT, at
from usher.seeds.tests.platform import Platform
from usher.seeds.tests.test_judge import message

ENROLLED = {"program": "Win back", "node": "wait", "entered_at": "1998-01-01T07:00:00Z", "left_at": None}
DEFERRED = {
    "status": "queued",
    "sent_at": None,
    "attempts": 2,
    "code": 421,
    "reply": "4.3.2 Service not available",
    "next_attempt_at": "1998-01-01T08:00:00Z",
}


@pytest.fixture(autouse=True)
def placed(plan: SeedPlan, platform: Platform) -> None:
    place(at(1, "06:30"))


def finding(now: Any = None) -> tuple[str, str]:
    judge(now or at(1, "07:30"))
    incident = Incident.objects.get(expectation__placement__address=CLICKS, expectation__mail="We miss you")
    return incident.hop, incident.detail


@pytest.mark.parametrize(
    ("enrolments", "messages", "hop", "detail"),
    [
        ([], [], "program", "the seed is not enrolled in “Win back”: check how contacts enter it"),
        (
            [ENROLLED | {"program": "Welcome"}],
            [],
            "program",
            "the seed is not enrolled in “Win back”: check how contacts enter it",
        ),
        (
            [ENROLLED | {"left_at": "1998-01-01T07:00:01Z", "outcome": "tag no longer true"}],
            [],
            "program",
            "the seed left “Win back” on 1998-01-01 07:00 (tag no longer true) and got no such mail",
        ),
        (
            [ENROLLED],
            [message(campaign="Other", subject="Other")],
            "queue",
            "the seed is in “Win back” since 1998-01-01 07:00, now at “wait”, "
            "but no mail was queued: check that the program runs",
        ),
        (
            [ENROLLED],
            [message(status="queued", sent_at=None, attempts=0, code=None, reply="", relay="")],
            "queue",
            "the mail waits in the queue since 1998-01-01 07:00",
        ),
        (
            [ENROLLED],
            [message(**DEFERRED)],
            "relay",
            "the relay at 127.0.0.1:2525 deferred the mail: 421 4.3.2 Service not available; "
            "next try 1998-01-01 08:00",
        ),
        (
            [ENROLLED],
            [message(status="claimed", code=None, reply="")],
            "relay",
            "the relay at 127.0.0.1:2525 is being given the mail and has not answered yet",
        ),
        (
            [ENROLLED],
            [message(status="bounced", code=550, reply="550 5.1.1 No such user")],
            "relay",
            "the relay at 127.0.0.1:2525 refused the mail: 550 5.1.1 No such user",
        ),
        (
            [ENROLLED],
            [message(status="failed", code=None, reply=None, reason="the template has an error")],
            "queue",
            "the mail could not be sent: the template has an error",
        ),
        (
            [ENROLLED],
            [message(status="skipped", code=None, reply="", reason="suppressed")],
            "contact",
            "the seed may not be mailed, so the mail was left out: suppressed",
        ),
        (
            [ENROLLED],
            [message(status="ambiguous", relay="")],
            "relay",
            "the relay was given the mail, but its answer was lost",
        ),
        (
            [ENROLLED],
            [message()],
            "mailbox",
            "the relay at 127.0.0.1:2525 took the mail on 1998-01-01 07:00, but it is not in the mailbox",
        ),
        ([ENROLLED], [message(status="held")], "unknown", "the platform says of the mail: held"),
    ],
)
def test_it_names_the_first_hop_that_failed(
    platform: Platform, enrolments: list[Any], messages: list[Any], hop: str, detail: str
) -> None:
    platform.enrolments, platform.messages = enrolments, messages
    assert finding() == (hop, detail)


def test_a_seed_that_is_gone_is_a_placement_that_failed(platform: Platform) -> None:
    platform.contacts.clear()
    assert finding() == ("placement", "the seed is no contact at engage: add it to “Usher seeds”")


def test_a_seed_that_may_not_be_mailed_is_the_contacts_fault(platform: Platform) -> None:
    platform.contacts[CLICKS]["status"] = "Unsubscribed"
    platform.messages = [message(**DEFERRED)]
    assert finding() == (
        "contact",
        "the seed's status is Unsubscribed, so it is not mailed: resubscribe it",
    )


def test_a_bounce_is_the_relays_answer_though_it_suppressed_the_contact(platform: Platform) -> None:
    platform.contacts[CLICKS]["status"] = "HardBounced"
    platform.messages = [message(status="bounced", code=550, reply="5.1.1 No such user")]
    assert finding() == ("relay", "the relay at 127.0.0.1:2525 refused the mail: 550 5.1.1 No such user")


def test_a_platform_that_does_not_tell_leaves_the_hop_unknown(platform: Platform) -> None:
    platform.knows_traces = False
    assert finding() == ("unknown", "engage does not tell what became of the mail")


def test_a_platform_that_cannot_be_asked_does_not_stop_the_incident(platform: Platform) -> None:
    platform.trouble = 503
    hop, detail = finding()
    assert hop == "unknown"
    assert detail.startswith("the platform could not be asked: ")


def test_the_moments_are_told_in_the_organisations_time(platform: Platform, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    platform.messages = [message()]
    assert "on 1998-01-01 16:00" in finding()[1]


def test_it_asks_again_and_notes_what_changed(platform: Platform) -> None:
    platform.enrolments = [ENROLLED]
    assert finding()[0] == "queue"
    platform.messages = [message(**DEFERRED)]
    assert finding(at(1, "08:29"))[0] == "queue"  # not asked before the hour is over
    assert finding(at(1, "08:30"))[0] == "relay"
    platform.trouble = 503
    assert finding(at(1, "09:30"))[0] == "relay"  # what was known stands
    incident = Incident.objects.get(expectation__placement__address=CLICKS)
    assert [change.hop for change in incident.changes.all()] == ["queue", "relay"]


def test_a_deferral_that_goes_on_is_one_line_with_the_newest_outlook(platform: Platform) -> None:
    platform.messages = [message(**DEFERRED)]
    finding()
    platform.messages = [message(**DEFERRED) | {"attempts": 3, "next_attempt_at": "1998-01-01T09:00:00Z"}]
    assert finding(at(1, "08:30"))[1].endswith("; next try 1998-01-01 09:00")
    incident = Incident.objects.get(expectation__placement__address=CLICKS)
    assert incident.changes.count() == 1


def test_a_message_is_known_by_its_campaign_or_by_its_subject(platform: Platform) -> None:
    platform.messages = [message(campaign="WB-1", subject="We miss you")]
    assert finding()[0] == "mailbox"


def test_each_seed_is_asked_for_itself(platform: Platform) -> None:
    judge(at(1, "07:30"))
    traced = [call for call in platform.calls if call.startswith("trace")]
    assert traced == [f"trace {CLICKS}", f"trace {DOES_NOT}"]
