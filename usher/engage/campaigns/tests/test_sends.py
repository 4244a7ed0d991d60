from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from usher.engage.campaigns import recipients, send
from usher.engage.campaigns.tests.conftest import LATER, Made, put
from usher.engage.contacts.suppress import suppress
from usher.engage.deliver.claim import claim, release
from usher.engage.lists import members
from usher.engage.models import (
    Account,
    Campaign,
    Choice,
    Contact,
    ContactList,
    Message,
    Open,
    Preference,
    Send,
    SuppressedDomain,
)
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


def queued() -> list[str]:
    return sorted(Message.objects.filter(state="queued").values_list("contact__email", flat=True))


def relay_took() -> None:
    Message.objects.filter(state="queued").update(state="sent", sent_at=NOW)


def test_a_campaign_goes_once_to_everybody_on_its_lists(
    api: Caller, account: Account, campaign: int, people: Made, news: ContactList
) -> None:
    alice, bob, dora = people("alice", "bob", "dora")
    more = ContactList.objects.create(account=account, name="More", created_at=NOW)
    put(news, alice, bob)
    put(more, alice)
    body = {
        "CampaignID": str(campaign),
        "addressBookIDs": [news.pk, str(more.pk)],
        "contactIDs": [dora, alice],
    }
    asked = api.json("POST /v2/campaigns/send", body, 202)
    assert asked == {
        "id": asked["id"],
        "campaignId": campaign,
        "addressBookIds": [news.pk, more.pk],
        "contactIds": [dora, alice],
        "sendDate": "2026-03-01T12:00:00.000Z",
        "splitTestOptions": None,
        "status": "NotSent",
    }
    assert api.json(f"GET /v2/campaigns/{campaign}")["status"] == "Sending"
    assert send.due(NOW)
    assert send.run_due(NOW) == 3
    assert queued() == ["alice@example.com", "bob@example.com", "dora@example.com"]
    path = f"GET /v2/campaigns/send/{asked['id']}"
    assert api.json(path)["status"] == "Sending"
    assert not send.due(LATER)
    relay_took()
    assert api.json(path) == asked | {"status": "Sent"}
    assert api.json(f"GET /v2/campaigns/{campaign}")["status"] == "Sent"
    assert [row["name"] for row in api.json(f"GET /v2/campaigns/{campaign}/address-books")] == [
        "News",
        "More",
    ]
    assert [row["id"] for row in api.json(f"GET /v2/address-books/{more.pk}/campaigns")] == [campaign]


def test_whoever_may_not_be_mailed_is_left_out(
    account: Account, api: Caller, campaign: int, people: Made, news: ContactList
) -> None:
    names = ["alice", "bob", "carol", "dan", "eve", "fred", "gina"]
    alice, bob, carol, dan, eve, fred, gina = people(*names)
    put(news, alice, bob, carol, dan, eve, gina)
    put(news, fred, unsubscribed_at=NOW)
    suppress(account, ["bob@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    Contact.objects.filter(pk=carol).update(status=Status.PENDING_OPT_IN)
    Contact.objects.filter(pk=dan).update(email="dan@shut.example", email_key="dan@shut.example")
    SuppressedDomain.objects.create(account=account, domain="shut.example", at=NOW)
    topic = Preference.objects.create(account=account, private_name="Opera", created_at=NOW, updated_at=NOW)
    Campaign.objects.filter(pk=campaign).update(preference=topic)
    Choice.objects.create(preference=topic, contact_id=eve, opted_in=False, at=NOW)
    Choice.objects.create(preference=topic, contact_id=alice, opted_in=True, at=NOW)
    Contact.objects.filter(pk=gina).update(is_seed=True)
    row = Campaign.objects.get(pk=campaign)
    found = recipients.outlook(row, [news.pk])
    assert (found.mailed, found.seeds) == (1, 1)
    assert found.others == {
        "Unsubscribed": 1,
        "PendingOptIn": 1,
        "DomainSuppression": 1,
        "topic": 1,
        "left the list": 1,
    }
    by_name = recipients.outlook(row, [news.pk], [fred])
    assert (by_name.mailed, "left the list" in by_name.others) == (2, False)
    assert recipients.outlook(row, [], everybody=True).mailed == 2
    send.ask(row, NOW, lists=[news.pk])
    send.run_due(NOW)
    assert queued() == ["alice@example.com", "gina@example.com"]


def test_a_send_to_nobody_is_refused_unless_the_account_says_otherwise(
    api: Caller, account: Account, campaign: int, people: Made, other: Caller
) -> None:
    people("alice", "bob")
    other.json("POST /v2/contacts", {"email": "stranger@example.com"}, 201)
    body: dict[str, Any] = {"campaignId": campaign, "addressBookIds": [], "contactIds": None}
    assert api.error("POST /v2/campaigns/send", body) == (
        400,
        "Name at least one address book or contact. ERROR_CAMPAIGN_SEND_INVALID",
    )
    Account.objects.filter(pk=account.pk).update(send_to_everybody=True)
    api.json("POST /v2/campaigns/send", body, 202)
    send.run_due(NOW)
    assert queued() == ["alice@example.com", "bob@example.com"]


def test_a_list_that_is_gone_does_not_widen_a_send(campaign: int, people: Made, news: ContactList) -> None:
    put(news, *people("alice"))
    send.ask(Campaign.objects.get(pk=campaign), NOW, lists=[news.pk], at=LATER)
    news.delete()
    assert send.run_due(LATER) == 0
    assert Send.objects.get().status == "Sent"


def test_it_refuses_recipients_that_cannot_be(
    api: Caller, account: Account, campaign: int, people: Made, other: Caller, news: ContactList
) -> None:
    strange = other.json("POST /v2/address-books", {"name": "Theirs"}, 201)["id"]
    stranger = other.json("POST /v2/contacts", {"email": "stranger@example.com"}, 201)["id"]
    eleven = people(*(f"p{number}" for number in range(11)))

    def ask(**body: Any) -> str:
        code, message = api.error("POST /v2/campaigns/send", {"campaignId": campaign} | body)
        assert code == 400
        return str(message.split()[-1])

    assert ask(addressBookIds=[strange]) == "ERROR_ADDRESSBOOK_NOT_FOUND"
    assert ask(contactIds=[stranger]) == "ERROR_CONTACT_NOT_FOUND"
    assert ask(contactIds=eleven) == "ERROR_CAMPAIGN_SEND_INVALID"
    assert ask(contactIds="all") == "ERROR_PARAMETER_INVALID"
    assert ask(addressBookIds=[news.pk], sendDate="tomorrow") == "ERROR_PARAMETER_INVALID"
    assert ask(campaignId=4711, addressBookIds=[news.pk]) == "ERROR_CAMPAIGN_NOT_FOUND"
    assert not Send.objects.exists()
    Account.objects.filter(pk=account.pk).update(limits={"contacts_per_send": 11})
    api.json("POST /v2/campaigns/send", {"campaignId": campaign, "contactIds": eleven}, 202)


def test_a_standard_campaign_is_sent_once_and_a_triggered_one_again(
    api: Caller, campaign: int, people: Made
) -> None:
    body = {"campaignId": campaign, "contactIds": people("alice")}
    for date in (LATER.isoformat(), None):
        Send.objects.all().delete()
        api.json("POST /v2/campaigns/send", body | {"sendDate": date}, 202)
        assert api.error("POST /v2/campaigns/send", body) == (
            400,
            "Send not permitted at this time: it was or is to be sent already."
            " ERROR_CAMPAIGN_SENDNOTPERMITTED",
        )
    Campaign.objects.filter(pk=campaign).update(status="Triggered")
    Send.objects.all().delete()
    for _ in range(2):
        api.json("POST /v2/campaigns/send", body, 202)
        send.run_due(NOW)
    assert queued() == ["alice@example.com"] * 2
    assert api.json(f"GET /v2/campaigns/{campaign}")["status"] == "Triggered"
    assert api.error("POST /v2/campaigns/send-time-optimised", body)[1].endswith(
        "ERROR_CAMPAIGN_SEND_INVALID"
    )


@pytest.mark.parametrize("date", ["2026-03-01T11:00:00", "0001-01-01T00:00:00", "2026-03-01T12:30:00+02:00"])
def test_a_date_in_the_past_is_now(api: Caller, campaign: int, people: Made, date: str) -> None:
    body = {"campaignId": campaign, "contactIds": people("alice"), "sendDate": date}
    asked = api.json("POST /v2/campaigns/send", body, 202)
    assert (asked["sendDate"], asked["status"]) == ("2026-03-01T12:00:00.000Z", "NotSent")


def test_a_scheduled_send_waits_for_its_time(api: Caller, campaign: int, people: Made) -> None:
    body = {"campaignId": campaign, "contactIds": people("alice"), "sendDate": "2026-03-01T13:00:00"}
    asked = api.json("POST /v2/campaigns/send", body, 202)
    assert (asked["sendDate"], asked["status"]) == ("2026-03-01T13:00:00.000Z", "Scheduled")
    assert api.json(f"GET /v2/campaigns/{campaign}")["status"] == "Unsent"
    assert send.next_due(NOW) == LATER
    assert not send.due(NOW)
    assert send.run_due(NOW) == 0
    assert send.run_due(LATER) == 1
    assert api.json(f"GET /v2/campaigns/{campaign}")["status"] == "Sending"


def test_a_send_that_nobody_started_for_a_day_is_cancelled_and_says_why(campaign: int, people: Made) -> None:
    row = Campaign.objects.get(pk=campaign)
    send.ask(row, NOW, contacts=people("alice"), at=LATER)
    assert send.run_due(LATER + timedelta(days=1, seconds=1)) == 0
    found = Send.objects.get()
    assert (found.status, found.error) == (
        "Cancelled",
        "not started within a day of its time; send it anew if it is still wanted",
    )
    assert not queued()
    send.ask(row, LATER, contacts=[Contact.objects.get().pk])


def test_a_send_killed_in_the_middle_goes_on_where_it_was(
    campaign: int, people: Made, news: ContactList, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = people(*(f"p{number:02}" for number in range(25)))
    put(news, *numbers)
    asked = send.ask(Campaign.objects.get(pk=campaign), NOW, lists=[news.pk], contacts=numbers[:3])
    real, calls = send.queue_send, []

    def dies(*args: Any) -> int:
        calls.append(args[1])
        if len(calls) in (2, 4):
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(send, "queue_send", dies)
    for killed in (True, True, False):
        if killed:
            with pytest.raises(KeyboardInterrupt):
                send.run(asked.pk, NOW, part=7)
            assert send.due(NOW)
        else:
            send.run(asked.pk, NOW, part=7)
    assert send.run(asked.pk, NOW, part=7) == 0
    assert queued() == [f"p{number:02}@example.com" for number in range(25)]
    assert [len(people) for people in calls] == [7, 7, 7, 7, 7, 4]


def test_a_send_that_cannot_go_on_does_not_stop_the_others(
    campaign: int, people: Made, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ContactList.objects.create(
        account=account, name="Broken", kind="segment", rule="NO_SUCH_FIELD = 1", created_at=NOW
    )
    row = Campaign.objects.get(pk=campaign)
    send.ask(row, NOW, lists=[broken.pk], at=LATER)
    row.pk, row.name = None, "Second"
    row.save()
    send.ask(row, LATER, contacts=people("alice"))
    assert send.run_due(LATER) == 1
    first = Send.objects.order_by("created_at").first()
    assert first is not None
    assert first.status == "Scheduled"
    assert "The segment 'Broken' cannot be worked out" in first.error


def test_a_segment_is_worked_out_when_the_send_starts(campaign: int, people: Made, account: Account) -> None:
    people("alice", "bob")
    segment = ContactList.objects.create(
        account=account, name="A", kind="segment", rule='EMAIL = "alice@example.com"', created_at=NOW
    )
    send.ask(Campaign.objects.get(pk=campaign), NOW, lists=[segment.pk])
    send.run_due(NOW)
    assert queued() == ["alice@example.com"]


def test_each_gets_it_at_the_hour_at_which_it_opens_most(
    api: Caller, campaign: int, people: Made, account: Account
) -> None:
    morning, noon, new = people("morning", "noon", "new")
    for person, hours in ((morning, [9, 9, 18]), (noon, [12])):
        mail = Message.objects.create(
            account=account, campaign_id=campaign, contact_id=person, state="sent", queued_at=NOW, due_at=NOW
        )
        for day, hour in enumerate(hours, 1):
            Open.objects.create(message=mail, at=datetime(2026, 1, day, hour, 40, tzinfo=UTC))
    body = {"campaignId": campaign, "contactIds": [morning, noon, new]}
    asked = api.json("POST /v2/campaigns/send-time-optimised", body, 202)
    assert asked["status"] == "NotSent"
    begun = NOW + timedelta(minutes=20)
    assert send.run_due(begun) == 3
    due = dict(Message.objects.filter(state="queued").values_list("contact", "due_at"))
    assert due == {morning: datetime(2026, 3, 2, 9, tzinfo=UTC), noon: begun, new: begun}


def test_a_cancelled_send_stops(api: Caller, campaign: int, people: Made) -> None:
    row = Campaign.objects.get(pk=campaign)
    alice, bob = people("alice", "bob")
    first = send.ask(row, NOW, contacts=[alice], at=LATER)
    assert send.cancel(first, NOW)
    assert not send.cancel(first, NOW)
    assert not send.due(LATER)
    second = send.ask(row, NOW, contacts=[alice, bob])
    send.run_due(NOW)
    Message.objects.filter(contact=alice).update(state="sent", sent_at=NOW)
    assert send.cancel(second, NOW)
    assert list(Message.objects.order_by("contact_id").values_list("state", "reason")) == [
        ("sent", ""),
        ("skipped", "the send was cancelled"),
    ]
    assert api.json(f"GET /v2/campaigns/{campaign}")["status"] == "Cancelled"
    assert api.json(f"GET /v2/campaigns/send/{second.pk}")["status"] == "Cancelled"


def test_an_unknown_send_is_not_found(api: Caller, campaign: int, people: Made, other: Caller) -> None:
    asked = send.ask(Campaign.objects.get(pk=campaign), NOW, contacts=people("alice"))
    for caller, number in ((other, asked.pk), (api, uuid.uuid4()), (api, "x")):
        assert caller.error(f"GET /v2/campaigns/send/{number}")[0] == 404


def test_options_of_a_split_test_change_nothing_for_a_campaign_without_versions(
    api: Caller, campaign: int, people: Made
) -> None:
    options = {"testMetric": "Opens", "testPercentage": 10, "testPeriodHours": 4}
    body = {"campaignId": campaign, "contactIds": people("alice"), "splitTestOptions": options}
    assert api.json("POST /v2/campaigns/send", body, 202)["splitTestOptions"] is None
    assert send.run_due(NOW) == 1


def test_whoever_opts_out_of_the_topic_while_the_mail_waits_is_not_mailed(
    account: Account, campaign: int, people: Made
) -> None:
    topic = Preference.objects.create(account=account, private_name="Opera", created_at=NOW, updated_at=NOW)
    Campaign.objects.filter(pk=campaign).update(preference=topic)
    alice, bob = people("alice", "bob")
    send.ask(Campaign.objects.get(pk=campaign), NOW, contacts=[alice, bob])
    send.run_due(NOW)
    Choice.objects.create(preference=topic, contact_id=alice, opted_in=False, at=NOW)
    batch = claim(NOW, 10)
    assert batch is not None
    assert [one.email for one in batch.messages] == ["bob@example.com"]
    release(batch.claim)
    assert Message.objects.get(contact=alice).reason == "may not be mailed: opted out of the topic"


def test_whoever_leaves_the_list_while_the_mail_waits_is_not_mailed(
    account: Account, campaign: int, people: Made, news: ContactList
) -> None:
    more = ContactList.objects.create(account=account, name="More", created_at=NOW)
    alice, bob, carol, dora = people("alice", "bob", "carol", "dora")
    put(news, alice, bob, carol, dora)
    put(more, bob)
    send.ask(Campaign.objects.get(pk=campaign), NOW, lists=[news.pk, more.pk], contacts=[carol])
    send.run_due(NOW)
    for one in (alice, bob, carol):  # bob is on the other list too, carol was named
        members.opt_out(news, Contact.objects.get(pk=one), NOW)
    members.take_off(news, [dora])  # no wish of hers
    batch = claim(NOW, 10)
    assert batch is not None
    assert sorted(one.email[:3] for one in batch.messages) == ["bob", "car", "dor"]
    release(batch.claim)
    assert Message.objects.get(contact=alice).reason == "may not be mailed: left the list"
