from __future__ import annotations

import json
from typing import Any

import pytest

from usher.engage.contacts import bulk, write
from usher.engage.models import (
    Account,
    Audit,
    BulkDeletion,
    Contact,
    ContactEvent,
    ContactIdentifier,
    CustomIdentifier,
)
from usher.engage.privacy import erase, export
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

PATH = "/configuration/v3/customIdentifiers"


def code(api: Caller, line: str, body: Any = None) -> tuple[int, str]:
    answer = api(line, body)
    return answer.status_code, json.loads(answer.content)["errorCode"]


@pytest.fixture
def crm(api: Caller) -> None:
    api.json(f"POST {PATH}", {"name": "crm-Id"}, 201)


def create(api: Caller, email: str = "alice@example.com", **identifiers: Any) -> dict[str, Any]:
    body = {"identifiers": {"email": email, **identifiers}}
    return dict(api.json("POST /contacts/v3", body, 201))


def test_identifiers_are_made_listed_and_deleted(api: Caller, other: Caller) -> None:
    made = api.json(f"POST {PATH}", {"name": "crm-id"}, 201)
    assert set(made) == {"name", "created", "updated"}
    assert [one["name"] for one in api.json(f"GET {PATH}")] == ["crm-id"]
    assert other.json(f"GET {PATH}") == []
    assert code(other, f"DELETE {PATH}/crm-id") == (404, "customIdentifiers:notExist")
    assert api(f"DELETE {PATH}/CRM-ID").status_code == 204
    assert api.json(f"GET {PATH}") == []


@pytest.mark.parametrize(
    ("name", "status", "token"),
    [
        ("x" * 51, 400, "nameTooLong"),
        ("crm id", 400, "invalidName"),
        ("", 400, "invalidName"),
        (None, 400, "invalidName"),
        ("CRM-ID", 409, "nameAlreadyExists"),
        ("contactId", 409, "nameAlreadyExists"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(
    api: Caller, crm: None, name: object, status: int, token: str
) -> None:
    assert code(api, f"POST {PATH}", {"name": name}) == (status, f"customIdentifiers:{token}")


def test_there_is_an_end_to_them(api: Caller, account: Account) -> None:
    CustomIdentifier.objects.bulk_create(
        CustomIdentifier(account=account, name=f"n{n}", created_at=NOW, updated_at=NOW) for n in range(20)
    )
    assert code(api, f"POST {PATH}", {"name": "more"}) == (412, "customIdentifiers:limitReached")


def test_a_contact_is_found_changed_and_deleted_by_it(api: Caller, crm: None) -> None:
    made = create(api, **{"crm-id": "C 12"})
    assert made["identifiers"] == {"email": "alice@example.com", "crm-Id": "C 12"}
    line = "/contacts/v3/CRM-ID/C%2012"
    assert api.json(f"GET {line}")["contactId"] == made["contactId"]
    changed = api.json(f"PATCH {line}", {"identifiers": {"mobileNumber": "447123123123"}})
    assert changed["identifiers"]["mobileNumber"] == "447123123123"
    assert api.json(f"PUT {line}", {"identifiers": {"crm-id": 7}})["identifiers"]["crm-Id"] == "7"
    assert code(api, f"GET {line}") == (404, "contacts:contactNotFound")
    assert api("DELETE /contacts/v3/crm-id/7").status_code == 200
    assert code(api, "GET /contacts/v3/crm-id/7") == (404, "contacts:contactNotFound")
    assert Audit.objects.filter(kind="contact identifier").count() == 2


def test_whoever_is_created_has_the_identifier_of_the_path(api: Caller, crm: None) -> None:
    body = {"identifiers": {"email": "bob@example.com"}}
    made = api.json("PATCH /contacts/v3/crm-id/B1", body, 201)
    assert made["identifiers"] == {"email": "bob@example.com", "crm-Id": "B1"}
    assert api.json("PATCH /contacts/v3/crm-id/B1", body)["contactId"] == made["contactId"]
    listed = api.json("GET /contacts/v3")["_items"]
    assert [one["identifiers"].get("crm-Id") for one in listed] == ["B1"]


def test_nobody_has_the_identifier_of_another(api: Caller, crm: None) -> None:
    create(api, **{"crm-id": "1"})
    bob = create(api, "bob@example.com")
    line = f"PATCH /contacts/v3/contactId/{bob['contactId']}"
    assert code(api, line, {"identifiers": {"crm-id": "1"}}) == (409, "contacts:idAlreadyExists")
    body = {"identifiers": {"email": "carol@example.com", "crm-id": "1"}}
    assert code(api, "POST /contacts/v3", body) == (409, "contacts:idAlreadyExists")
    assert Contact.objects.count() == 2


def test_an_identifier_that_the_account_does_not_have_is_refused(
    api: Caller, crm: None, other: Caller
) -> None:
    body = {"identifiers": {"email": "alice@example.com", "erp": "1"}}
    assert code(api, "POST /contacts/v3", body) == (400, "contacts:invalidRequest")
    assert code(api, "GET /contacts/v3/erp/1") == (400, "contacts:invalidId")
    assert code(other, "GET /contacts/v3/crm-id/1") == (400, "contacts:invalidId")
    bad = {"identifiers": {"email": "alice@example.com", "crm-id": "x" * 256}}
    assert code(api, "POST /contacts/v3", bad) == (400, "contacts:invalidRequest")
    assert not Contact.objects.exists()


def test_many_are_deleted_by_it(api: Caller, crm: None) -> None:
    create(api, **{"crm-id": "1"})
    api.json("POST /contacts/v3/delete", [{"CRM-ID": "1"}, {"crm-id": "2"}], 202)
    bulk.run(BulkDeletion.objects.get().pk, NOW)
    job = BulkDeletion.objects.get()
    assert job.summary["deleted"] == [{"crm-Id": "1"}]
    assert job.summary["summary"]["unknownContacts"] == 1
    assert Contact.objects.get().status == "Deleted"


def test_events_of_contacts_are_told_by_it(api: Caller, crm: None) -> None:
    made = create(api, **{"crm-id": "1"})
    deed = {"contactIdentity": {"identifier": "crm-id", "value": "1"}, "type": "Visit"}
    assert api("POST /events/v3/import", [deed]).status_code == 202
    assert ContactEvent.objects.get().contact_id == made["contactId"]


def test_it_goes_with_the_person(api: Caller, account: Account, crm: None) -> None:
    create(api, **{"crm-id": "1"})
    contact = Contact.objects.get()
    assert export(contact)["identifiers"] == [{"value": "1", "name": "crm-Id"}]
    erase(contact, "page anna", NOW)
    assert not ContactIdentifier.objects.exists()
    bob = create(api, "bob@example.com", **{"crm-id": "1"})
    write.remove(Contact.objects.get(pk=bob["contactId"]), NOW)
    write.purge(account, NOW)
    assert not ContactIdentifier.objects.exists()


def test_a_deleted_kind_takes_its_values_along(api: Caller, crm: None) -> None:
    create(api, **{"crm-id": "1"})
    assert api(f"DELETE {PATH}/crm-id").status_code == 204
    assert not ContactIdentifier.objects.exists()
    assert Contact.objects.count() == 1
