from __future__ import annotations

from datetime import timedelta

import pytest

from usher.engage.models import Account, Campaign, Click, Contact, Link, Membership, Message, Open
from usher.engage.segments.edit import create_segment
from usher.engage.segments.refresh import refresh
from usher.engage.tests.conftest import NOW, Caller
from usher.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

WRITES = (
    ("PUT", "", {"name": "x"}),
    ("DELETE", "", None),
    ("POST", "/contacts", {"email": "x@example.com"}),
    ("DELETE", "/contacts", None),
    ("POST", "/contacts/delete", [1]),
    ("POST", "/contacts/delete-all", None),
    ("POST", "/contacts/unsubscribe", {"email": "x@example.com"}),
    ("POST", "/contacts/resubscribe", {"unsubscribedContact": {"email": "x@example.com"}}),
    ("POST", "/contacts/import", {"fileName": "x.csv", "data": "RW1haWwKeEBleGFtcGxlLmNvbQ=="}),
)


@pytest.fixture
def anna(api: Caller, account: Account) -> int:
    """A segment of those who are called Anna, refreshed with one of them in it."""
    for name in ("Anna", "Bob"):
        body = {"email": f"{name}@example.com", "dataFields": [{"key": "FIRSTNAME", "value": name}]}
        api.json("POST /v2/contacts", body, 201)
    segment = create_segment(account, "Called Anna", 'FIRSTNAME = "Anna"', NOW)
    refresh(segment, NOW)
    return segment.pk


def test_segments_are_listed_apart_from_lists(api: Caller, anna: int) -> None:
    news = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    assert api.json("GET /v2/segments") == [{"id": anna, "name": "Called Anna", "contacts": 1}]
    assert [one["id"] for one in api.json("GET /v2/address-books")] == [news]
    assert api.json("GET /v2/contacts/anna@example.com/address-books") == []
    assert api.error(f"GET /v2/address-books/{anna}") == (404, "Error: ERROR_ADDRESSBOOK_NOT_FOUND")


def test_a_segment_stands_where_a_lists_members_are_read(api: Caller, anna: int) -> None:
    people = api.json(f"GET /v2/address-books/{anna}/contacts")
    assert [one["email"] for one in people] == ["Anna@example.com"]
    assert len(api.json(f"GET /v2/address-books/{anna}/contacts/score")) == 1
    assert api.json(f"GET /v2/address-books/{anna}/campaigns") == []


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_nobody_writes_into_a_segment(api: Caller, anna: int, method: str, path: str, body: object) -> None:
    status, message = api.error(f"{method} /v2/address-books/{anna}{path}", body)
    assert (status, message) == (
        400,
        "Address book cannot be written to via the API. ERROR_ADDRESSBOOK_NOTWRITABLE",
    )
    assert Membership.objects.filter(list=anna).count() == 1


def test_a_refresh_answers_first_and_is_asked_after(api: Caller, anna: int) -> None:
    assert api.json(f"GET /v2/segments/refresh/{anna}") == {"id": anna, "status": "Finished"}
    assert api.json(f"POST /v2/segments/refresh/{anna}", None, 202) == {"id": anna, "status": "NotStarted"}
    assert api.json(f"GET /v2/segments/refresh/{anna}")["status"] == "NotStarted"


def test_lists_unknown_ids_and_other_accounts_segments_are_no_segments(
    api: Caller, other: Caller, anna: int
) -> None:
    news = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    for caller, number in ((api, news), (api, 4711), (other, anna)):
        for method in ("GET", "POST"):
            answer = caller.error(f"{method} /v2/segments/refresh/{number}")
            assert answer == (404, "Error: ERROR_SEGMENT_NOT_FOUND")


def test_a_score_counts_what_was_opened_and_clicked_lately(api: Caller, account: Account) -> None:
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    alice, now = Contact.objects.get(email_key="alice@example.com"), clock.now()
    campaign = Campaign.objects.create(
        account=account, name="x", subject="x", html="x", text="x", created_at=now, updated_at=now
    )
    link = Link.objects.create(campaign=campaign, url="https://example.com/")
    for days in (1, 2, 100):
        message = Message.objects.create(
            account=account, campaign=campaign, contact=alice, state="sent", queued_at=now, due_at=now
        )
        Open.objects.create(message=message, at=now - timedelta(days=days))
        if days == 1:
            Click.objects.create(message=message, link=link, at=now - timedelta(days=1))
    score = api.json("GET /v2/contacts/alice@example.com/score")
    assert score == {
        "contactId": alice.pk,
        "email": "alice@example.com",
        "dateModified": score["dateModified"],
        "scoreLabel": "Cool",
        "score": 25,
        "engagement": 25,
        "suitability": 0,
    }
    assert [one["score"] for one in api.json("GET /v2/contacts/score")] == [25, 0]
    assert [one["scoreLabel"] for one in api.json("GET /v2/contacts/score")] == ["Cool", "Cold"]
    assert len(api.json("GET /v2/contacts/score/modified-since/2020-01-01")) == 2
    assert api.json("GET /v2/contacts/score/modified-since/2999-01-01") == []


def test_an_empty_recycle_bin_holds_nobody_and_lifts_nothing(api: Caller, account: Account) -> None:
    alice = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"]
    api.json("POST /v2/contacts/unsubscribe", {"email": "alice@example.com"})
    api(f"DELETE /v2/contacts/{alice}")
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    assert api("POST /v2/accounts/empty-recycle-bin").status_code == 200
    assert not Contact.objects.filter(email_key="alice@example.com").exists()
    assert Contact.objects.get(pk=alice).data == {}
    assert "ERROR_CONTACT_SUPPRESSED" in api.error("POST /v2/contacts", {"email": "alice@example.com"})[1]
    assert api.json("GET /v2/contacts/count") == 1
