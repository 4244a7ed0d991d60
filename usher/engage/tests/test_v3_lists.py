"""Version 3: contacts by criteria and page by page, and many deleted at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from usher.engage.contacts.bulk import run
from usher.engage.models import Account, BulkDeletion, Contact, Suppression
from usher.engage.models.lists import ListKind
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

ALL = "GET /contacts/v3"


@pytest.fixture
def people(account: Account) -> list[Contact]:
    rows = [
        Contact(
            account=account,
            email=f"p{place}@example.com",
            email_key=f"p{place}@example.com",
            data={"FIRSTNAME": f"P{place}"},
            status_at=NOW,
            created_at=NOW + timedelta(hours=place),
            updated_at=NOW + timedelta(hours=place, minutes=30),
        )
        for place in range(5)
    ]
    return Contact.objects.bulk_create(rows)


def names(answer: dict[str, Any]) -> list[str]:
    return [one["identifiers"]["email"].split("@")[0] for one in answer["_items"]]


def test_a_contact_is_shown_with_its_identifiers_only(api: Caller, people: list[Contact]) -> None:
    answer = api.json(ALL)
    assert answer["_items"][0] == {
        "contactId": people[0].pk,
        "status": "subscribed",
        "created": "2026-03-01T12:00:00.000Z",
        "updated": "2026-03-01T12:30:00.000Z",
        "identifiers": {"email": "p0@example.com"},
    }
    first = {"link": "http://localhost:8000/contacts/v3", "marker": ""}
    assert answer["_links"]["first"]["marker"] == first["marker"]
    assert set(answer["_links"]) == {"self", "first"}


def test_more_is_shown_when_it_is_asked_for(api: Caller, account: Account, people: list[Contact]) -> None:
    news = account.lists.create(name="News", created_at=NOW)
    news.memberships.create(contact=people[1], joined_at=NOW)
    shown = api.json(f"{ALL}?data-fields=firstname|GENDER&include=lists|channelproperties|preferences")[
        "_items"
    ]
    assert [one["dataFields"] for one in shown[:2]] == [
        {"FIRSTNAME": "P0", "GENDER": None},
        {"FIRSTNAME": "P1", "GENDER": None},
    ]
    assert [one["lists"] for one in shown[:2]] == [
        [],
        [{"id": news.pk, "name": "News", "status": "subscribed"}],
    ]
    assert shown[0]["channelProperties"]["email"]["status"] == "subscribed"
    everything = api.json(f"{ALL}?data-fields=[[ALL]]")["_items"][0]["dataFields"]
    assert set(everything) == {"FIRSTNAME", "LASTNAME", "FULLNAME", "GENDER", "POSTCODE"}


def test_pages_lead_on_and_back(api: Caller, people: list[Contact]) -> None:
    first = api.json(f"{ALL}?limit=2")
    assert (names(first), set(first["_links"])) == (["p0", "p1"], {"self", "first", "next"})
    Contact.objects.filter(pk=people[0].pk).delete()
    second = api.json(f"{ALL}?limit=2&marker={first['_links']['next']['marker']}")
    assert (names(second), set(second["_links"])) == (["p2", "p3"], {"self", "first", "prev", "next"})
    path = second["_links"]["next"]["link"].partition("/contacts/v3")[2]
    last = api.json(f"{ALL}{path}")
    assert (names(last), set(last["_links"])) == (["p4"], {"self", "first", "prev"})
    back = api.json(f"{ALL}?limit=2&marker={last['_links']['prev']['marker']}")
    assert (names(back), set(back["_links"])) == (["p2", "p3"], {"self", "first", "prev", "next"})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("~created=gte::2026-03-01T15:00:00Z", ["p3", "p4"]),
        ("~modified=gte::2026-03-01T15:30:00.000Z", ["p3", "p4"]),
        ("~Modified=gte::2026-03-01T15:30:00.001Z", ["p4"]),
    ],
)
def test_it_filters_by_time(api: Caller, people: list[Contact], query: str, expected: list[str]) -> None:
    assert names(api.json(f"{ALL}?{query}")) == expected


def test_it_filters_by_list_and_segment(api: Caller, account: Account, people: list[Contact]) -> None:
    news = account.lists.create(name="News", created_at=NOW)
    readers = account.lists.create(name="Readers", kind=ListKind.SEGMENT, created_at=NOW)
    for place in (1, 3, 4):
        news.memberships.create(contact=people[place], joined_at=NOW)
    readers.memberships.create(contact=people[2], joined_at=NOW)
    first = api.json(f"{ALL}?~listId={news.pk}&limit=2")
    assert names(first) == ["p1", "p3"]
    assert names(api.json(f"{ALL}?~listId={news.pk}&marker={first['_links']['next']['marker']}")) == ["p4"]
    assert names(api.json(f"{ALL}?~listId={news.pk}&~created=gte::2026-03-01T16:00:00Z")) == ["p4"]
    assert names(api.json(f"{ALL}?~segmentId={readers.pk}")) == ["p2"]
    refused = api.json(f"{ALL}?~listId={readers.pk}", status=400)
    assert refused["errorCode"] == "contacts:invalidFilter"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("~created=2022-08-01T00:00:00Z", "invalidFilter"),
        ("~created=gte::2022-13-01T00:00:00Z", "invalidRequest"),
        ("~created=gte::2022-08-01T00:00:00Z&~modified=gte::2022-08-01T00:00:00Z", "invalidFilter"),
        ("~listId=1&~segmentId=1", "invalidFilter"),
        ("~listId=4711", "invalidFilter"),
        ("~listId=x", "invalidRequest"),
        ("~status=subscribed", "invalidFilter"),
        ("limit=0", "invalidRequest"),
        ("limit=5001", "invalidRequest"),
        ("marker=eHg=", "invalidRequest"),
        ("marker=%C3%A4", "invalidRequest"),
        ("include=shoes", "invalidRequest"),
        ("data-fields=SHOES", "dataFieldNotFound"),
    ],
)
def test_it_refuses_what_it_does_not_understand(api: Caller, query: str, code: str) -> None:
    assert api.json(f"{ALL}?{query}", status=400)["errorCode"] == f"contacts:{code}"


def test_deleted_contacts_and_those_of_others_are_not_listed(
    api: Caller, other: Caller, people: list[Contact]
) -> None:
    api("DELETE /contacts/v3/email/p0@example.com")
    assert names(api.json(ALL)) == ["p1", "p2", "p3", "p4"]
    assert other.json(ALL)["_items"] == []


def test_a_page_asks_the_same_number_of_questions_whatever_its_size(
    api: Caller, people: list[Contact], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(25):
        api.json(f"{ALL}?include=lists|preferences|consentRecords&data-fields=[[ALL]]")


def test_many_are_deleted_and_each_is_told(api: Caller, people: list[Contact]) -> None:
    Contact.objects.filter(pk=people[1].pk).update(mobile_number="447123123123")
    sent = [
        {"email": "P0@example.com"},
        {"mobileNumber": "+447123123123"},
        {"contactId": people[2].pk},
        {"email": "nobody@example.com"},
        {"contactId": people[0].pk},
        {"email": "x"},
        {"shoe": "5"},
    ]
    job = api.json("POST /contacts/v3/delete", sent, 202)["deleteId"]
    assert api.json(f"GET /contacts/v3/delete/{job}")["status"] == "NotStarted"
    for _ in range(2):
        run(job, NOW)
    shown = api.json(f"GET /contacts/v3/delete/{job}")
    assert shown["status"] == "Finished"
    assert shown["summary"] == {
        "requestedContacts": 7,
        "deletedContacts": 3,
        "unknownContacts": 2,
        "invalidEntries": 2,
    }
    assert shown["deleted"] == sent[:3]
    assert [one["failures"][0]["failureCode"] for one in shown["failures"]] == [
        "contactNotFound",
        "contactNotFound",
        "invalidIdentifier",
        "invalidIdentifier",
    ]
    assert names(api.json(ALL)) == ["p3", "p4"]
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "noContactsSpecified"),
        ({}, "invalidRequest"),
        ([5], "invalidRequest"),
        ([{"email": "a@example.com"}] * 5001, "invalidRequest"),
    ],
)
def test_a_deletion_of_nobody_or_too_many_is_refused(api: Caller, body: Any, code: str) -> None:
    assert api.json("POST /contacts/v3/delete", body, 400)["errorCode"] == f"contacts:{code}"
    assert not BulkDeletion.objects.exists()


def test_the_twenty_sixth_active_deletion_waits(api: Caller) -> None:
    body = [{"email": "a@example.com"}]
    jobs = [api.json("POST /contacts/v3/delete", body, 202)["deleteId"] for _ in range(25)]
    assert api.json("POST /contacts/v3/delete", body, 429)["errorCode"] == "contacts:tooManyBulkDeleteJobs"
    run(jobs[0], NOW)
    api.json("POST /contacts/v3/delete", body, 202)


def test_deletions_are_their_accounts_own(api: Caller, other: Caller, people: list[Contact]) -> None:
    job = other.json("POST /contacts/v3/delete", [{"contactId": people[0].pk}], 202)["deleteId"]
    run(job, NOW)
    assert other.json(f"GET /contacts/v3/delete/{job}")["summary"]["deletedContacts"] == 0
    assert api(f"GET /contacts/v3/delete/{job}").status_code == 404
    assert api.json("GET /contacts/v3/delete/x", status=400)["errorCode"] == "contacts:invalidDeleteId"
