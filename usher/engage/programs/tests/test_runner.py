"""The Win back story, and what the runner must never do, on the engine's real rows."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest

from usher.engage.contacts.suppress import suppress
from usher.engage.models import (
    Account,
    Campaign,
    Choice,
    Click,
    Contact,
    DataField,
    Enrolment,
    Link,
    Message,
    Move,
    Preference,
    Program,
    ProgramCheck,
    ProgramVersion,
    SuppressedDomain,
)
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState
from usher.engage.programs.enrol import pause, resume
from usher.engage.programs.graph import dump, parse
from usher.engage.programs.runner import due, next_due, slot_due, tick
from usher.engage.programs.tests.conftest import BEGIN, WIN_BACK, Person, day, start

pytestmark = pytest.mark.django_db


def story(contact: Contact) -> list[str]:
    """Every move of a contact: day, from, to, why."""
    moves = Move.objects.filter(enrolment__contact=contact).order_by("id")
    return [f"{(move.at - BEGIN).days} {move.from_node}>{move.to_node}: {move.why}" for move in moves]


def mailed(contact: Contact) -> list[str]:
    return list(contact.messages.order_by("id").values_list("campaign__name", flat=True))


def lapsed(contact: Contact, value: bool) -> None:
    Contact.objects.filter(pk=contact.pk).update(data={"TAG_LAPSED_BUYER": value})


def click(contact: Contact, at: object) -> None:
    message = contact.messages.order_by("id").first()
    assert message
    link, _ = Link.objects.get_or_create(campaign=message.campaign, url="https://shop.example/")
    Click.objects.create(message=message, link=link, at=at)


def test_the_win_back_story_over_thirty_days(program: Program, person: Person) -> None:
    silent = person("alice")
    clicking = person("clara")
    buying = person("brian")
    leaving = person("bob")
    dead = person("carol")
    seed = person("sam", is_seed=True)
    person("dora", lapsed=False)
    person("nora", lapsed=None)
    exits = {}
    for number in range(31):
        ticked = tick(day(number))
        if ticked.exits:
            exits[number] = dict(ticked.exits)
        if number == 1:
            click(clicking, day(1, 12))
            suppress(program.account, [leaving.email_key], Status.UNSUBSCRIBED, "page", day(1, 13))
            suppress(program.account, [dead.email_key], Status.HARD_BOUNCED, "smtp 550", day(1, 14))
        if number == 3:
            lapsed(buying, False)

    assert exits == {
        7: {"came back": 1, "no longer lapsed": 1, "unsubscribed": 1, "bounced": 1},
        21: {"no answer": 2},
    }
    assert story(silent) == [
        "0 >miss: entered: scheduled check",
        "0 miss>week: mail queued: We miss you",
        "7 week>clicked: waited 7 days",
        "7 clicked>favourites: no",
        "7 favourites>fortnight: mail queued: Your favourites are waiting",
        "21 fortnight>silent: waited 14 days",
        "21 silent>: ended: no answer",
    ]
    assert story(clicking)[2:] == [
        "7 week>clicked: waited 7 days",
        "7 clicked>back: yes",
        "7 back>: ended: came back",
    ]
    assert story(buying)[2:] == ["7 week>: exit: no longer lapsed"]
    assert story(leaving)[2:] == ["7 week>: exit: unsubscribed"]
    assert story(dead)[2:] == ["7 week>: exit: bounced"]
    assert mailed(silent) == mailed(seed) == ["We miss you", "Your favourites are waiting"]
    assert mailed(buying) == mailed(leaving) == mailed(clicking) == ["We miss you"]
    first = ProgramCheck.objects.get(slot=day(0))
    assert (first.enrolled, first.seeds) == (6, 1)
    assert ProgramCheck.objects.count() == 31
    assert Enrolment.objects.filter(left_at=None).count() == 0


def test_nobody_who_must_not_be_mailed_is_enrolled(
    program: Program, person: Person, account: Account
) -> None:
    person("bob", status=Status.UNSUBSCRIBED)
    person("carol", status=Status.HARD_BOUNCED)
    person("paul", status=Status.PENDING_OPT_IN)
    hidden = person("harry")
    suppress(account, [hidden.email_key], Status.SUPPRESSED, "operator", BEGIN)
    Contact.objects.filter(pk=hidden.pk).update(status=Status.SUBSCRIBED)
    assert tick(day(0)).enrolled == 0


def test_a_second_tick_at_the_same_moment_does_nothing(program: Program, person: Person) -> None:
    person("alice")
    first, second = tick(day(0)), tick(day(0))
    assert (first.enrolled, first.moved, first.queued) == (1, 1, 1)
    assert (second.enrolled, second.moved, second.queued) == (0, 0, 0)
    assert Message.objects.count() == 1


def test_a_late_tick_makes_up_for_the_check_once(program: Program, person: Person) -> None:
    person("alice")
    assert tick(day(0, 6, 59)).enrolled == 0
    assert tick(day(1, 15)).enrolled == 1
    assert list(ProgramCheck.objects.values_list("slot", flat=True)) == [day(1)]


def test_nobody_enters_again_within_the_limit(program: Program, person: Person) -> None:
    alice = person("alice")
    for number in (0, 7, 21, 22, 363, 364, 365, 366):
        tick(day(number))
    enrolments = Enrolment.objects.filter(contact=alice).order_by("id")
    assert list(enrolments.values_list("entered_at", flat=True)) == [day(0), day(365)]


def test_somebody_inside_is_not_enrolled_twice_without_a_limit(
    account: Account, campaigns: dict[str, Campaign], person: Person
) -> None:
    graph = copy.deepcopy(WIN_BACK)
    graph["start"]["limit"] = None
    start(account, graph)
    alice = person("alice")
    for number in (0, 7, 14, 21):
        tick(day(number))
    # she left on day 21, after that day's check had found her still inside
    assert Enrolment.objects.filter(contact=alice).count() == 1
    tick(day(22))
    assert Enrolment.objects.filter(contact=alice).count() == 2


def test_exits_are_looked_at_before_the_first_mail(
    account: Account, campaigns: dict[str, Campaign], person: Person
) -> None:
    graph = copy.deepcopy(WIN_BACK)
    graph["exits"].append({"name": "big spender", "rule": "ORDERS > 10"})
    start(account, graph)
    rich = person("rich", data={"ORDERS": 11})
    assert dict(tick(day(0)).exits) == {"big spender": 1}
    assert mailed(rich) == []
    assert story(rich) == ["0 >miss: entered: scheduled check", "0 miss>: exit: big spender"]


def test_a_soft_bouncer_misses_the_mail_and_goes_on(program: Program, person: Person) -> None:
    alice = person("alice")
    tick(day(0))
    Contact.objects.filter(pk=alice.pk).update(status=Status.SOFT_BOUNCED)
    ticked = tick(day(7))
    assert (ticked.skipped, ticked.queued) == (1, 0)
    assert story(alice)[-1] == "7 favourites>fortnight: skipped: SoftBounced"


def test_whoever_opted_out_of_the_topic_misses_the_mail_and_the_step_says_so(
    program: Program, person: Person, account: Account, campaigns: dict[str, Campaign]
) -> None:
    alice, bob = person("alice"), person("bob")
    tick(day(0))
    topic = Preference.objects.create(
        account=account, private_name="Favourites", created_at=BEGIN, updated_at=BEGIN
    )
    Campaign.objects.filter(account=account).update(preference=topic)
    Choice.objects.create(preference=topic, contact=alice, opted_in=False, at=BEGIN)
    SuppressedDomain.objects.create(account=account, domain="elsewhere.example", at=BEGIN)
    Contact.objects.filter(pk=bob.pk).update(email_key="bob@elsewhere.example")
    ticked = tick(day(7))
    assert (ticked.skipped, ticked.queued, dict(ticked.exits)) == (1, 0, {"suppressed": 1})
    assert story(alice)[-1] == "7 favourites>fortnight: skipped: opted out of its topic"
    assert story(bob)[-1].endswith("exit: suppressed")


def test_a_deleted_contact_leaves(program: Program, person: Person) -> None:
    alice = person("alice")
    tick(day(0))
    Contact.objects.filter(pk=alice.pk).update(status=Status.DELETED)
    assert dict(tick(day(7)).exits) == {"deleted": 1}


def test_a_paused_program_moves_nobody_and_goes_on_where_it_was(program: Program, person: Person) -> None:
    alice = person("alice")
    tick(day(0))
    pause(program)
    assert tick(day(8)).moved == 0
    assert not due(day(8))
    assert next_due(day(8)) is None or Message.objects.exists()
    resume(program)
    assert due(day(8))
    assert tick(day(8)).moved == 3
    assert story(alice)[-1] == "8 favourites>fortnight: mail queued: Your favourites are waiting"


def test_it_tells_what_is_due_and_when_next(program: Program, person: Person) -> None:
    person("alice")
    assert not due(BEGIN)
    assert next_due(BEGIN) == day(0)
    assert due(day(0))
    tick(day(0))
    assert not due(day(0))
    Message.objects.update(state=MessageState.SENT)
    assert next_due(day(0)) == day(1)
    assert slot_due(program, day(0)) is None
    for number in range(1, 7):
        tick(day(number))
    assert due(day(7))
    assert next_due(day(6)) == day(7)


def test_next_due_knows_of_mail_that_waits(program: Program, person: Person) -> None:
    person("alice")
    tick(day(0))
    Message.objects.update(due_at=day(0) + timedelta(minutes=5))
    assert next_due(day(0)) == day(0) + timedelta(minutes=5)


def test_a_rule_that_no_longer_fits_moves_nobody_and_says_so(
    program: Program, person: Person, account: Account
) -> None:
    alice = person("alice")
    tick(day(0))
    DataField.objects.filter(account=account, name="TAG_LAPSED_BUYER").delete()
    ticked = tick(day(7))
    assert ticked.moved == 0
    assert len(ticked.problems) == 2
    assert "TAG_LAPSED_BUYER" in ticked.problems[1]
    assert story(alice)[-1] == "0 miss>week: mail queued: We miss you"


def test_a_missing_campaign_keeps_people_waiting_for_it(program: Program, person: Person) -> None:
    person("alice")
    Campaign.objects.filter(name="We miss you").update(name="We missed you")
    ticked = tick(day(0))
    assert (ticked.enrolled, ticked.queued) == (1, 0)
    assert ticked.problems == ["Win back, miss: there is no campaign “We miss you”"]
    Campaign.objects.filter(name="We missed you").update(name="We miss you")
    assert tick(day(0)).queued == 1


def test_those_inside_keep_the_version_they_entered_on(program: Program, person: Person) -> None:
    alice = person("alice")
    tick(day(0))
    graph = copy.deepcopy(WIN_BACK)
    graph["nodes"]["week"]["days"] = 1
    ProgramVersion.objects.create(program=program, number=2, graph=dump(parse(graph)), created_at=day(0))
    brian = person("brian")
    tick(day(1))
    tick(day(2))
    assert len(story(alice)) == 2
    assert "2 week>clicked: waited 1 day" in story(brian)
