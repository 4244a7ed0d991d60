"""Ways in beside the schedule, requests with their faults and lists' join actions, and what is told of it."""

from __future__ import annotations

import pytest

from usher.engage.errors import EngageError
from usher.engage.models import (
    Account,
    Campaign,
    Click,
    Contact,
    ContactList,
    Enrolment,
    EnrolmentFault,
    Link,
    Membership,
    Message,
    Program,
)
from usher.engage.models.contacts import Status
from usher.engage.programs import figures
from usher.engage.programs.enrol import join, pause, process, request_enrolment
from usher.engage.programs.runner import tick
from usher.engage.programs.tests.conftest import BEGIN, Person, day

pytestmark = pytest.mark.django_db


def faults() -> dict[str, str]:
    return dict(EnrolmentFault.objects.values_list("contact__email", "reason"))


def test_a_request_enrols_contacts_and_lists_and_tells_who_could_not(
    account: Account, program: Program, person: Person
) -> None:
    inside = person("ivy")
    tick(day(0))
    alice, listed = person("alice"), person("lisa")
    bob, carol = person("bob", status=Status.UNSUBSCRIBED), person("carol", status=Status.HARD_BOUNCED)
    left = person("leo")
    version = program.versions.get()
    Enrolment.objects.create(
        program=program, version=version, contact=left, node="silent", due_at=BEGIN, entered_at=BEGIN,
        left_at=BEGIN, outcome="no answer", cause="x",
    )  # fmt: skip
    found = ContactList.objects.create(account=account, name="VIP", created_at=BEGIN)
    for contact in (alice, listed):
        Membership.objects.create(list=found, contact=contact, joined_at=BEGIN)
    wanted = [alice.pk, bob.pk, carol.pk, inside.pk, left.pk]
    request = request_enrolment(account, program.pk, wanted, [found.pk], day(0, 12))
    assert (process(request, day(0, 12)), process(request, day(0, 12))) == (2, 0)
    request.refresh_from_db()
    assert request.status == "Finished"
    assert faults() == {
        "bob@example.com": "Unsubcribed",
        "carol@example.com": "Suppressed",
        "ivy@example.com": "AlreadyInProgram",
        "leo@example.com": "EnrolmentLimitReached",
    }
    causes = set(Enrolment.objects.filter(left_at=None).values_list("cause", flat=True))
    assert causes == {"scheduled check", f"api {request.pk}"}


def test_a_request_to_a_program_that_does_not_run_is_refused(
    account: Account, program: Program, person: Person
) -> None:
    pause(program)
    with pytest.raises(EngageError, match="ERROR_PROGRAM_NOT_ACTIVE"):
        request_enrolment(account, program.pk, [person("alice").pk], [], BEGIN)
    with pytest.raises(EngageError, match="ERROR_PROGRAM_NOT_FOUND"):
        request_enrolment(account, 0, [], [], BEGIN)


def test_joining_a_list_starts_its_program_and_its_campaign(
    account: Account, program: Program, campaigns: dict[str, Campaign], person: Person
) -> None:
    found = ContactList.objects.create(
        account=account,
        name="New",
        created_at=BEGIN,
        join_program=program,
        join_campaign=campaigns["We miss you"],
    )
    alice, bob = person("alice"), person("bob", status=Status.UNSUBSCRIBED)
    join(found, alice, day(0))
    join(found, alice, day(0))
    join(found, bob, day(0))
    assert list(Enrolment.objects.values_list("contact__email", "cause")) == [
        ("alice@example.com", "join New")
    ]
    assert set(Message.objects.values_list("contact__email", flat=True)) == {"alice@example.com"}


def test_figures_and_timeline_tell_the_story(program: Program, person: Person) -> None:
    alice = person("alice")
    person("brian")
    person("sam", is_seed=True)
    tick(day(0))
    message = Message.objects.get(contact=alice)
    Message.objects.update(state="sent", sent_at=day(0, 7, 1))
    link = Link.objects.create(campaign=message.campaign, url="https://shop.example/")
    Click.objects.create(message=message, link=link, at=day(1))
    tick(day(7))
    found = figures.of_program(program)
    assert (found.enrolled, found.inside, found.outcomes) == (2, 1, {"came back": 1})
    stops = {stop.key: (stop.at, stop.through) for stop in found.stops}
    assert stops["miss"] == (0, 2)
    assert stops["clicked"] == (0, 2)
    assert stops["fortnight"] == (1, 0)
    assert stops["back"] == (0, 1)
    sent = next(stop.mails for stop in found.stops if stop.key == "miss")
    assert (sent["sent"], sent["clicked"], sent["queued"]) == (2, 1, 0)
    assert "came back" in figures.as_text(found)
    assert [happening.what for happening in figures.timeline(alice)] == [
        "entered “Win back” (scheduled check)",
        "“Win back”, send “We miss you”: mail queued: We miss you",
        "“We miss you” sent",
        "clicked in “We miss you”: https://shop.example/",
        "“Win back”, wait 7 days: waited 7 days",
        '“Win back”, if exists(clicks where campaign = "We miss you"): yes',
        "left “Win back”: came back",
    ]


def test_contacts_of_another_account_are_never_enrolled(
    account: Account, program: Program, person: Person
) -> None:
    from usher.engage.accounts import create_account

    stranger = person("alice")
    Contact.objects.filter(pk=stranger.pk).update(account=create_account("Elsewhere", BEGIN))
    assert process(request_enrolment(account, program.pk, [stranger.pk], [], BEGIN), BEGIN) == 0
    assert tick(day(0)).enrolled == 0
