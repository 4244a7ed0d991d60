from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from usher.engage.contacts import confirm, suppress
from usher.engage.contacts.consent import Evidence, record
from usher.engage.happenings import forgetting
from usher.engage.lists.members import members
from usher.engage.models import (
    Account,
    Campaign,
    Confirmation,
    Contact,
    ContactEvent,
    Happening,
    Letter,
    Link,
    Message,
    Subscription,
)
from usher.engage.models.contacts import Status
from usher.engage.privacy import erase
from usher.engage.programs.figures import timeline
from usher.engage.segments.edit import create_segment
from usher.engage.segments.refresh import refresh
from usher.engage.tests.conftest import NOW, Caller
from usher.engage.tracking import record as tracking

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

PATH = "/events/v3/export/subscriptions"
EVERYTHING = [
    *("contact.created", "contact.updated", "contact.removed", "contact.membershipUpdated"),
    *("contact.preferenceUpdated", "contact.consentAdded", "message.sent", "message.status"),
    *("email.read", "email.doubleOptIn", "interaction.click", "interaction.unsubscribe"),
]


def wish(*types: Any, name: str = "All", **more: Any) -> dict[str, Any]:
    told = [one if isinstance(one, dict) else {"eventType": one} for one in types or EVERYTHING]
    alerts = {"alertChannels": "none"}
    return {
        "name": name,
        "status": "active",
        "subscribedEventTypes": told,
        "alertsConfiguration": alerts,
        **more,
    }


def subscribe(api: Caller, *types: Any, **more: Any) -> int:
    return int(api.json(f"POST {PATH}", wish(*types, **more), 201)["id"])


class Reader:
    """Fetches page by page, as a client does."""

    def __init__(self, api: Caller, subscription: int) -> None:
        self.api, self.path, self.point = api, f"/events/v3/export/{subscription}", ""

    def __call__(self, limit: int = 2000) -> list[dict[str, Any]]:
        query = f"?limit={limit}" + (f"&checkPoint={self.point}" if self.point else "")
        page = self.api.json(f"GET {self.path}{query}")
        self.point = page["checkPoint"]
        return list(page["events"])

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        return [(one["type"], one["data"]) for one in self()]


@pytest.fixture
def reader(api: Caller) -> Reader:
    return Reader(api, subscribe(api))


def code(api: Caller, line: str, body: Any = None) -> tuple[int, str]:
    answer = api(line, body)
    return answer.status_code, json.loads(answer.content)["errorCode"]


def alice(api: Caller, **more: Any) -> int:
    return int(api.json("POST /v2/contacts", {"email": "Alice@example.com", **more}, 201)["id"])


def mail(account: Account, contact: int, **more: Any) -> Message:
    campaign = Campaign.objects.create(account=account, name="Spring", created_at=NOW, updated_at=NOW)
    row = {"account": account, "campaign": campaign, "contact_id": contact, "queued_at": NOW, "due_at": NOW}
    return Message.objects.create(**row, **more)


def test_nothing_is_written_down_unless_somebody_wants_to_know(api: Caller, account: Account) -> None:
    subscribe(api, status="inactive")
    alice(api)
    api.upload("/v2/contacts/import", "email\nbob@example.com\n")
    assert not Happening.objects.exists()


def test_contacts_are_told_of_as_they_change(api: Caller, reader: Reader) -> None:
    api.json("POST /v2/data-fields", {"name": "CITY", "type": "String"}, 201)
    key = alice(api)
    person = {"contactId": key, "email": "Alice@example.com", "status": "subscribed"}
    assert reader.told() == [("contact.created", {**person, "dataFields": {}})]
    alice(api, dataFields=[{"key": "city", "value": "Wien"}])
    alice(api, dataFields=[{"key": "city", "value": "Wien"}])
    data = {**person, "dataFields": {"CITY": "Wien"}}
    assert reader.told() == [("contact.updated", {**data, "changed": ["dataFields"]})]
    api.json("POST /v2/contacts/unsubscribe", {"email": "alice@example.com"})
    assert reader.told() == [
        (
            "interaction.unsubscribe",
            {"channel": "email", "contactId": key, "email": "alice@example.com", "source": "api"},
        ),
        ("contact.updated", {**data, "status": "unsubscribed", "changed": ["status"]}),
    ]
    api(f"DELETE /v2/contacts/{key}")
    assert reader.told() == [("contact.removed", {"contactId": key, "email": "Alice@example.com"})]
    assert reader.told() == []


def test_an_event_has_its_name_moment_and_account(api: Caller, account: Account, reader: Reader) -> None:
    alice(api)
    [event] = reader()
    row = Happening.objects.get()
    assert event["id"] == str(row.key)
    assert event["accountId"] == account.pk
    assert (row.at, row.recorded_at) == (Contact.objects.get().created_at, row.recorded_at)
    assert event["eventDate"].endswith("Z")


def test_lists_preferences_and_consent_are_told_of(api: Caller, reader: Reader) -> None:
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    topic = api.json(
        "POST /v2/preferences", {"publicName": "Jazz", "privateName": "Jazz", "isPreference": True}
    )["id"]
    key = alice(api)
    reader()
    who = {"contactId": key, "email": "Alice@example.com"}
    on = {**who, "listId": book, "listName": "News", "listType": "list"}
    api.json(f"POST /v2/address-books/{book}/contacts", {"email": "alice@example.com"})
    assert reader.told() == [("contact.membershipUpdated", {**on, "status": "subscribed"})]
    api(f"POST /v2/address-books/{book}/contacts/unsubscribe", {"email": "alice@example.com"})
    assert reader.told() == [("contact.membershipUpdated", {**on, "status": "unsubscribed"})]
    for yes in (True, True, False):
        api(f"PUT /v2/contacts/{key}/preferences", [{"id": topic, "isPreference": True, "isOptedIn": yes}])
    chosen = {**who, "preferenceId": topic, "preferenceName": "Jazz"}
    assert reader.told() == [
        ("contact.preferenceUpdated", {**chosen, "isOptedIn": True}),
        ("contact.preferenceUpdated", {**chosen, "isOptedIn": False}),
    ]
    record(Contact.objects.get(), [Evidence("I agree.", NOW, ip="192.0.2.1")], "api", NOW)
    assert reader.told() == [
        (
            "contact.consentAdded",
            {
                **who,
                "text": "I agree.",
                "dateTimeConsented": "2026-03-01T12:00:00.000Z",
                "ipAddress": "192.0.2.1",
            },
        )
    ]


def test_an_import_is_told_of_row_by_row(api: Caller, reader: Reader) -> None:
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    api.upload(f"/v2/address-books/{book}/contacts/import", "email\na@example.com\nb@example.com\n")
    told = reader.told()
    assert [kind for kind, _ in told] == ["contact.created"] * 2 + ["contact.membershipUpdated"] * 2
    assert [data["email"] for _, data in told] == ["a@example.com", "b@example.com"] * 2


def test_mails_are_told_of(api: Caller, account: Account, reader: Reader) -> None:
    key = alice(api)
    sent, bounced = mail(account, key), mail(account, key)
    link = Link.objects.create(campaign=sent.campaign, url="https://shop.example/jazz")
    reader()
    Message.objects.filter(pk=sent.pk).update(state="claimed")
    Message.objects.filter(pk=sent.pk).update(state="sent", sent_at=NOW)
    Message.objects.filter(pk=bounced.pk).update(state="bounced", reply="550 no such user")
    tracking.opened(sent.pk, tracking.Visitor("192.0.2.9", "Firefox"), NOW)
    tracking.clicked(sent.pk, link.pk, tracking.Visitor(None, ""), NOW)
    tracking.unsubscribed(sent.pk, "one-click", NOW)
    who = {"channel": "email", "contactId": key, "email": "Alice@example.com"}
    first = {**who, "messageId": str(sent.pk), "campaignId": sent.campaign_id}
    second = {**who, "messageId": str(bounced.pk), "campaignId": bounced.campaign_id}
    told = reader.told()
    assert told[:5] == [
        ("message.sent", first),
        ("message.status", {**first, "status": "delivered"}),
        ("message.status", {**second, "status": "failed", "reason": "550 no such user"}),
        ("email.read", {**first, "ipAddress": "192.0.2.9", "userAgent": "Firefox"}),
        ("interaction.click", {**first, "url": "https://shop.example/jazz"}),
    ]
    assert told[5] == (
        "interaction.unsubscribe",
        {**first, "email": "alice@example.com", "source": "one-click"},
    )


def test_a_confirmed_address_is_told_of(api: Caller, reader: Reader) -> None:
    key = alice(api, optInType="VerifiedDouble")
    reader()
    confirm.accept(Confirmation.objects.get(), NOW)
    told = dict(reader.told())
    assert told["email.doubleOptIn"]["contactId"] == key
    assert told["email.doubleOptIn"]["optinCode"] is True
    assert told["contact.updated"]["status"] == "subscribed"


def test_a_page_is_shown_again_until_it_is_confirmed(api: Caller) -> None:
    key = subscribe(api)
    for name in "abc":
        api.json("POST /v2/contacts", {"email": f"{name}@example.com"}, 201)
    first = api.json(f"GET /events/v3/export/{key}?limit=2")
    assert [one["data"]["email"] for one in first["events"]] == ["a@example.com", "b@example.com"]
    assert api.json(f"GET /events/v3/export/{key}?limit=2") == first
    second = api.json(f"GET /events/v3/export/{key}?limit=2&checkPoint={first['checkPoint']}")
    assert [one["data"]["email"] for one in second["events"]] == ["c@example.com"]
    third = api.json(f"GET /events/v3/export/{key}?checkPoint={second['checkPoint']}")
    assert third["events"] == []
    assert api.json(f"GET /events/v3/export/{key}")["events"] == []


def test_what_happened_before_is_not_told(api: Caller) -> None:
    subscribe(api, name="First")
    alice(api)
    assert Reader(api, subscribe(api, name="Second"))() == []


def test_two_subscriptions_have_their_own_places(api: Caller) -> None:
    first, second = Reader(api, subscribe(api, name="First")), Reader(api, subscribe(api, name="Second"))
    alice(api)
    assert (len(first()), len(first()), len(second())) == (1, 0, 1)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([{"field": "$.email", "matchPattern": "*@example.com"}], 2),
        ([{"field": "$.email", "matchPattern": "ALICE@*"}], 0),
        ([{"field": "$.email", "matchPattern": "ALICE@*", "caseSensitive": False}], 1),
        ([{"field": "$.email", "matchPattern": "[!a]*"}], 1),
        ([{"field": "$.dataFields.CITY", "matchPattern": "W?en"}], 1),
        (
            [{"field": "$.email", "matchPattern": "a*"}, {"field": "$.dataFields.CITY", "matchPattern": "*"}],
            0,
        ),
    ],
)
def test_filters_have_to_fit_together(api: Caller, filters: list[Any], count: int) -> None:
    api.json("POST /v2/data-fields", {"name": "CITY", "type": "String"}, 201)
    reader = Reader(api, subscribe(api, {"eventType": "contact.created", "filters": filters}))
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    city = [{"key": "CITY", "value": "Wien"}]
    api.json("POST /v2/contacts", {"email": "bob@example.com", "dataFields": city}, 201)
    assert len(reader()) == count


def test_the_same_type_twice_is_one_or_the_other(api: Caller) -> None:
    types = [
        {"eventType": "contact.created", "filters": [{"field": "$.email", "matchPattern": f"{name}@*"}]}
        for name in ("alice", "bob", "a*")
    ]
    reader = Reader(api, subscribe(api, *types))
    for name in ("alice", "bob", "carol"):
        api.json("POST /v2/contacts", {"email": f"{name}@example.com"}, 201)
    assert [one["data"]["email"] for one in reader()] == ["alice@example.com", "bob@example.com"]


def test_a_page_without_anything_that_fits_moves_on(api: Caller) -> None:
    subscribe(api, "contact.updated", name="Another")
    reader = Reader(api, subscribe(api, "contact.removed"))
    reader()
    before = reader.point
    alice(api)
    alice(api, emailType="PlainText")
    assert reader() == []
    assert int(reader.point[1:], 16) > int(before[1:], 16)


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_is_told_late_and_not_lost(api: Caller, account: Account) -> None:
    reader = Reader(api, subscribe(api, "contact.created"))
    written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                made = Contact(account=account, email="slow@example.com", email_key="slow@example.com")
                made.created_at = made.updated_at = made.status_at = NOW
                made.save()
                written.set()
                may_commit.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    written.wait(10)
    alice(api)
    assert [one["data"]["email"] for one in reader()] == ["Alice@example.com"]
    assert reader() == []
    may_commit.set()
    thread.join()
    assert [one["data"]["email"] for one in reader()] == ["slow@example.com"]
    api(f"DELETE {PATH}/{Subscription.objects.get().pk}")


def test_subscriptions_are_listed_changed_and_deleted(api: Caller, other: Caller) -> None:
    key = subscribe(api, "message.sent", name="Sent")
    made = api.json(f"GET {PATH}/{key}")
    assert made["subscribedEventTypes"] == [{"eventType": "message.sent"}]
    assert made["alertsConfiguration"] == {"alertChannels": "none"}
    assert [one["id"] for one in api.json(f"GET {PATH}")["_items"]] == [key]
    alerts = {"alertChannels": "EmailAndInApp", "email": "ops@example.com"}
    changed = api.json(
        f"PUT {PATH}/{key}",
        wish("Message.Status", name="Status", status="inactive", alertsConfiguration=alerts),
    )
    assert (changed["name"], changed["status"]) == ("Status", "inactive")
    assert changed["subscribedEventTypes"] == [{"eventType": "message.status"}]
    assert changed["alertsConfiguration"] == {"alertChannels": "emailAndInApp", "email": "ops@example.com"}
    assert other(f"GET {PATH}/{key}").status_code == 404
    assert code(other, f"GET /events/v3/export/{key}") == (404, "events:subscriptionNotFound")
    assert other.json(f"GET {PATH}")["_items"] == []
    assert api(f"GET /events/v3/export/{key}").status_code == 409
    assert api(f"DELETE {PATH}/{key}").status_code == 204
    assert api(f"GET {PATH}/{key}").status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "token"),
    [
        ({"subscribedEventTypes": [{"eventType": "example.unknownType"}]}, 400, "invalidEventType"),
        ({"name": "FIRST"}, 409, "nameAlreadyExists"),
        ({"name": "x" * 51}, 400, "invalidRequest"),
        ({"status": "asleep"}, 400, "invalidRequest"),
        ({"subscribedEventTypes": []}, 400, "invalidRequest"),
        ({"alertsConfiguration": {"alertChannels": "email"}}, 400, "invalidRequest"),
        ({"alertsConfiguration": {"alertChannels": "pigeon"}}, 400, "invalidRequest"),
        ({"alertsConfiguration": None}, 400, "invalidRequest"),
        (
            {
                "subscribedEventTypes": [
                    {"eventType": "message.sent", "filters": [{"field": "channel", "matchPattern": "sms"}]}
                ]
            },
            400,
            "invalidRequest",
        ),
        (
            {
                "subscribedEventTypes": [
                    {
                        "eventType": "message.sent",
                        "filters": [{"field": "$.channel", "matchPattern": "[z-a]"}],
                    }
                ]
            },
            400,
            "invalidRequest",
        ),
    ],
)
def test_a_subscription_that_does_not_fit_is_refused(
    api: Caller, change: dict[str, Any], status: int, token: str
) -> None:
    subscribe(api, name="First")
    assert code(api, f"POST {PATH}", wish(name="Second") | change) == (status, f"events:{token}")


@pytest.mark.parametrize("point", ["nonsense", "z", "zffffffff", "z-1"])
def test_a_check_point_of_nobody_is_refused(api: Caller, point: str) -> None:
    line = f"GET /events/v3/export/{subscribe(api)}?checkPoint={point}"
    assert code(api, line) == (400, "events:invalidCheckpoint")


def test_what_all_have_confirmed_is_forgotten(api: Caller) -> None:
    first, second = Reader(api, subscribe(api, name="First")), Reader(api, subscribe(api, name="Second"))
    alice(api)
    first(), first(), second()
    forgetting.forget(NOW)
    assert Happening.objects.count() == 1
    second()
    forgetting.forget(NOW)
    assert Happening.objects.count() == 0
    alice(api, emailType="PlainText")
    assert (len(first()), len(second())) == (1, 1)


def test_a_subscription_that_nobody_fetches_becomes_inactive_and_says_so(api: Caller) -> None:
    alerts = {"alertChannels": "email", "email": "ops@example.com"}
    key = subscribe(api, alertsConfiguration=alerts)
    alice(api)
    later = Subscription.objects.get().read_at + timedelta(days=31)
    forgetting.forget(later - timedelta(days=2))
    assert api.json(f"GET {PATH}/{key}")["status"] == "active"
    forgetting.forget(later)
    forgetting.forget(later)
    assert api.json(f"GET {PATH}/{key}")["status"] == "inactive"
    assert Happening.objects.count() == 0
    assert [letter.to for letter in Letter.objects.all()] == [["ops@example.com"]]
    assert code(api, f"GET /events/v3/export/{key}") == (409, "events:inactiveSubscription")
    api.json(f"PUT {PATH}/{key}", wish())
    assert Reader(api, key)() == []


def test_of_an_erased_person_only_the_id_is_told(api: Caller, reader: Reader) -> None:
    api.json("POST /v2/data-fields", {"name": "CITY", "type": "String"}, 201)
    key = alice(api, dataFields=[{"key": "CITY", "value": "Wien"}])
    api.json(f"PUT /v2/contacts/{key}", {"email": "other@example.com"})
    api("POST /events/v3/import", [deed("other@example.com")])
    erase(Contact.objects.get(), "page anna", NOW)
    told = reader.told()
    assert {kind for kind, _ in told} == {"contact.created", "contact.updated", "contact.removed"}
    assert all(data == {"contactId": key} for _, data in told)
    assert not ContactEvent.objects.exists()


def test_a_domain_that_is_suppressed_is_told_of_by_its_contacts(
    api: Caller, account: Account, reader: Reader
) -> None:
    alice(api)
    reader()
    suppress.suppress_domain(account, "example.com", NOW)
    [(kind, data)] = reader.told()
    assert (kind, data["status"]) == ("contact.updated", "domainSuppression")
    assert Contact.objects.get().status == Status.DOMAIN_SUPPRESSION


def deed(value: Any = "alice@example.com", **more: Any) -> dict[str, Any]:
    return {"contactIdentity": {"identifier": "email", "value": value}, "type": "Search destination", **more}


def test_events_of_contacts_are_kept_once(api: Caller) -> None:
    key = alice(api)
    event = deed(
        id="27e298b2",
        eventTimestamp="2025-05-14T13:01:04.000Z",
        timelineDetails={"summary": "Search for: Bali"},
        eventData={"Query": "Bali"},
    )
    unknown = deed("nobody@example.com"), deed(None), deed("no address")
    by_id = {**deed(), "contactIdentity": {"identifier": "contactId", "value": str(key)}}
    for _ in range(2):
        answer = api("POST /events/v3/import", [event, *unknown, by_id])
        assert (answer.status_code, answer.content) == (202, b"")
    rows = ContactEvent.objects.order_by("pk").values_list("contact", "type", "key", "summary", "data")
    assert next(iter(rows)) == (key, "Search destination", "27e298b2", "Search for: Bali", {"Query": "Bali"})
    assert len(rows) == 3


def test_events_stand_in_the_timeline_and_rules_ask_for_them(api: Caller, account: Account) -> None:
    alice(api)
    bob = api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)["id"]
    told = {"eventTimestamp": "2026-02-27T12:00:00Z", "timelineDetails": {"summary": "Searched for Bali"}}
    api("POST /events/v3/import", [deed(**told), deed("bob@example.com", type="Something else")])
    contact = Contact.objects.get(email_key="alice@example.com")
    assert [one.what for one in timeline(contact)] == ["Searched for Bali"]
    assert timeline(Contact.objects.get(pk=bob)) == []
    rule = 'exists(events where type = "Search destination" and at within 7 days)'
    found = create_segment(account, "Searched lately", rule, NOW)
    refresh(found, NOW)
    assert [row.email for row in members(found)] == ["Alice@example.com"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        [5],
        [deed(type="")],
        [deed(type="x" * 81)],
        [deed(eventTimestamp="yesterday")],
        [deed(eventData=[1])],
        [deed(timelineDetails={"summary": "x" * 161})],
        [{**deed(), "contactIdentity": {"identifier": "shoe", "value": "42"}}],
        [deed()] * 5001,
        json.dumps([deed(eventData={"a": 1})]).replace('"a"', '"\\u0000"'),
    ],
)
def test_events_that_do_not_fit_are_refused_together(api: Caller, body: Any) -> None:
    alice(api)
    sent = [deed(), *body] if isinstance(body, list) and body else body
    status, token = code(api, "POST /events/v3/import", sent)
    assert (status, token.split(":")[0]) == (400, "events")
    assert not ContactEvent.objects.exists()


def test_no_event_has_large_objects(api: Caller) -> None:
    line = "GET /events/v3/lob/d4699dd5-c7fb-4313-a62e-a81998180da0"
    assert code(api, line) == (404, "events:lobNotFound")
