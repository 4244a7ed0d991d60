from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from usher.engage.models import (
    Account,
    Campaign,
    Contact,
    ContactList,
    Enrolment,
    Message,
    Program,
    ProgramVersion,
)
from usher.engage.programs.graph import dump, parse
from usher.engage.tests.conftest import NOW, Caller
from usher.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


@pytest.fixture
def news(api: Caller) -> str:
    return f"/v2/address-books/{api.json('POST /v2/address-books', {'name': 'News'}, 201)['id']}"


def add(api: Caller, book: str, email: str) -> dict[str, Any]:
    return api.json(f"POST {book}/contacts", {"email": email})


def test_it_makes_renames_and_deletes_a_list(api: Caller) -> None:
    made = api.json("POST /v2/address-books/", {"Name": " News ", "Visibility": "public"}, 201)
    assert made == {"id": made["id"], "name": "News", "visibility": "Public", "contacts": 0}
    path = f"/v2/address-books/{made['id']}"
    assert api.json(f"GET {path}") == made
    changed = api.json(f"PUT {path}", {"name": "Neues", "visibility": "Private"})
    assert changed == {"id": made["id"], "name": "Neues", "visibility": "Private", "contacts": 0}
    assert api(f"DELETE {path}").status_code == 200
    assert api.error(f"GET {path}") == (404, "Error: ERROR_ADDRESSBOOK_NOT_FOUND")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("news", "There is a list 'news' already. ERROR_ADDRESSBOOK_DUPLICATE"),
        ("TEST", "'TEST' is a reserved name. ERROR_ADDRESSBOOK_DUPLICATE"),
        ("All contacts", "'All contacts' is a reserved name. ERROR_ADDRESSBOOK_DUPLICATE"),
        ("", "The Name field is required. ERROR_ADDRESSBOOK_INVALID"),
        (None, "The Name field is required. ERROR_ADDRESSBOOK_INVALID"),
        ("x" * 129, "The Name field has 1 to 128 characters. ERROR_ADDRESSBOOK_INVALID"),
    ],
)
def test_it_refuses_bad_names(api: Caller, news: str, name: object, message: str) -> None:
    assert api.error("POST /v2/address-books", {"name": name}) == (400, message)


def test_it_lists_lists_by_visibility(api: Caller, news: str) -> None:
    api.json("POST /v2/address-books", {"name": "Open", "visibility": "Public"}, 201)
    names = lambda path: [row["name"] for row in api.json(f"GET /v2/address-books{path}")]  # noqa: E731
    assert names("") == ["News", "Open"]
    assert names("/private?limit=5") == ["News"]
    assert names("/public") == ["Open"]
    assert names("?select=1&skip=1") == ["Open"]


def test_a_contact_is_created_and_put_on_the_list(api: Caller, news: str) -> None:
    alice = add(api, news, "alice@example.com")
    add(api, news, "ALICE@example.com")
    assert api.json(f"GET {news}")["contacts"] == 1
    assert api.json("GET /v2/address-books")[0]["contacts"] == 1
    assert api.json(f"GET {news}/contacts?withFullData=true") == [alice]
    assert [row["name"] for row in api.json("GET /v2/contacts/alice@example.com/address-books")] == ["News"]


def test_contacts_leave_a_list_and_stay_contacts(api: Caller, news: str) -> None:
    ids = [add(api, news, f"c{n}@example.com")["id"] for n in range(4)]
    assert api(f"DELETE {news}/contacts/{ids[0]}").status_code == 204
    job = api.json(f"POST {news}/contacts/delete", [ids[1], str(ids[2]), 987654], 202)
    assert job["status"] == "Started"
    assert api.json(f"GET /v2/contacts/deletion/{job['id']}") == {"id": job["id"], "status": "Completed"}
    assert [row["id"] for row in api.json(f"GET {news}/contacts")] == ids[3:]
    assert api.json(f"POST {news}/contacts/delete-all", None, 202)["status"] == "Started"
    assert api.json(f"GET {news}/contacts") == []
    assert api.json("GET /v2/contacts/count") == 4
    add(api, news, "c0@example.com")
    assert api(f"DELETE {news}/contacts").status_code == 204
    assert api.json(f"GET {news}/contacts") == []


def test_an_unknown_removal_is_not_found(api: Caller) -> None:
    assert api.error(f"GET /v2/contacts/deletion/{uuid.uuid4()}")[0] == 404
    assert api.error("GET /v2/contacts/deletion/nonsense")[0] == 404


def test_opting_out_of_a_list_sticks_to_that_list(api: Caller, news: str) -> None:
    add(api, news, "bob@example.com")
    left = api.json(f"POST {news}/contacts/unsubscribe", {"email": "bob@example.com"})
    assert (left["reason"], left["suppressedContact"]["status"]) == ("Unsubscribed", "Subscribed")
    refused = (400, "Contact is suppressed for this address book. ERROR_CONTACT_SUPPRESSEDFORADDRESSBOOK")
    assert api.error(f"POST {news}/contacts", {"email": "bob@example.com"}) == refused
    # not even emptying the list, or deleting the contact, forgets it
    api(f"DELETE {news}/contacts")
    api(f"DELETE /v2/contacts/{left['suppressedContact']['id']}")
    assert api.error(f"POST {news}/contacts", {"email": "bob@example.com"}) == refused
    gone = api.json(f"GET {news}/contacts/unsubscribed-since/2020-01-01")
    assert [row["suppressedContact"]["email"] for row in gone] == ["bob@example.com"]
    body = {"unsubscribedContact": {"email": "bob@example.com"}}
    back = api.json(f"POST {news}/contacts/resubscribe-with-no-challenge", body)
    assert back["status"] == "ContactAdded"
    assert api.json(f"GET {news}")["contacts"] == 1


def test_a_refused_add_leaves_nothing_behind(api: Caller, news: str) -> None:
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    api.json(f"POST {news}/contacts/unsubscribe", {"email": "bob@example.com"})
    body = {"email": "bob@example.com", "dataFields": [{"key": "FIRSTNAME", "value": "Bob"}]}
    api.error(f"POST {news}/contacts", body)
    assert api.json("GET /v2/contacts/bob@example.com")["dataFields"][0]["value"] is None


def test_a_stranger_who_leaves_a_list_is_not_mailed_because_of_it(api: Caller, news: str) -> None:
    left = api.json(f"POST {news}/contacts/unsubscribe", {"email": "stranger@example.com"})
    assert left["suppressedContact"]["status"] == "Unsubscribed"


def test_a_deleted_contact_who_leaves_stays_deleted(api: Caller, news: str) -> None:
    bob = add(api, news, "bob@example.com")["id"]
    api(f"DELETE /v2/contacts/{bob}")
    api.json(f"POST {news}/contacts/unsubscribe", {"email": "bob@example.com"})
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    assert Contact.objects.get().status == "Deleted"
    assert api.error("POST /v2/contacts", {"email": "bob@example.com"})[0] == 400


def test_those_who_opted_out_are_not_shown_on_a_list(api: Caller, news: str) -> None:
    add(api, news, "bob@example.com")
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    assert api.json(f"GET {news}/contacts") == []
    assert api.json("GET /v2/address-books")[0]["contacts"] == 0


def test_list_members_modified_since(api: Caller, news: str) -> None:
    add(api, news, "alice@example.com")
    api.json("POST /v2/contacts", {"email": "elsewhere@example.com"}, 201)
    found = api.json(f"GET {news}/contacts/modified-since/2020-01-01")
    assert [row["email"] for row in found] == ["alice@example.com"]


@pytest.fixture
def welcome(account: Account, api: Caller, news: str) -> Program:
    """The list's join actions: a program that ends at once, and a campaign."""
    graph = {"start": {"first": "done"}, "nodes": {"done": {"kind": "end", "name": "welcomed"}}}
    program = Program.objects.create(account=account, name="Welcome", status="Active", created_at=NOW)
    ProgramVersion.objects.create(program=program, number=1, graph=dump(parse(graph)), created_at=NOW)
    campaign = Campaign.objects.create(
        account=account,
        name="Hello",
        subject="Hello",
        html="http://$UNSUB$",
        text="http://$UNSUB$",
        status="Triggered",
        created_at=NOW,
        updated_at=NOW,
    )
    ContactList.objects.update(join_program=program, join_campaign=campaign)
    return program


def started() -> tuple[int, int]:
    return Enrolment.objects.count(), Message.objects.count()


def test_a_single_join_starts_the_join_actions_once(api: Caller, news: str, welcome: Program) -> None:
    add(api, news, "alice@example.com")
    assert started() == (1, 1)
    add(api, news, "alice@example.com")
    assert started() == (1, 1)


def test_an_import_starts_no_join_actions(api: Caller, news: str, welcome: Program) -> None:
    assert api.upload(f"{news}/contacts/import", "Email\nalice@example.com\n")["newContacts"] == 1
    assert started() == (0, 0)
    add(api, news, "alice@example.com")
    assert started() == (0, 0)


def test_version_3_joins_start_them_too(api: Caller, news: str, welcome: Program) -> None:
    body = {"lists": [int(news.rsplit("/", 1)[1])]}
    assert api("PATCH /contacts/v3/email/alice@example.com", body).status_code == 201
    assert api("PATCH /contacts/v3/email/alice@example.com", body).status_code == 200
    assert started() == (1, 1)


def test_coming_back_to_a_list_is_a_join(api: Caller, news: str, welcome: Program) -> None:
    api.json(f"POST {news}/contacts/unsubscribe", {"email": "bob@example.com"})
    assert started() == (0, 0)
    body = {"unsubscribedContact": {"email": "bob@example.com"}}
    api.json(f"POST {news}/contacts/resubscribe-with-no-challenge", body)
    assert started() == (1, 1)


def test_a_list_that_something_needs_is_not_deleted(api: Caller) -> None:
    news = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    html = '<a href="http://$UNSUB$">leave</a>'
    sent = {"name": "N", "subject": "N", "fromName": "S", "htmlContent": html}
    sent |= {"plainTextContent": "http://$UNSUB$"}
    campaign = api.json("POST /v2/campaigns", sent, 201)["id"]
    at = (clock.now() + timedelta(days=30)).isoformat()
    api.json(
        "POST /v2/campaigns/send", {"campaignId": campaign, "addressBookIds": [news], "sendDate": at}, 202
    )
    status, message = api.error(f"DELETE /v2/address-books/{news}")
    assert (status, "ERROR_ADDRESSBOOK_IN_USE" in message, "“N”" in message) == (400, True, True)
    assert api(f"GET /v2/address-books/{news}").status_code == 200
