from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from usher.engage.models import Account, Contact, Membership
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


def values(contact: dict[str, Any]) -> dict[str, Any]:
    return {field["key"]: field["value"] for field in contact["dataFields"] if field["value"] is not None}


@pytest.fixture
def alice(api: Caller) -> dict[str, Any]:
    body = {"email": "Alice@example.com", "dataFields": [{"key": "firstname", "value": "Alice"}]}
    return api.json("POST /v2/contacts", body, 201)


def test_it_creates_a_contact(alice: dict[str, Any]) -> None:
    assert alice == {
        "id": alice["id"],
        "email": "Alice@example.com",
        "optInType": "Unknown",
        "emailType": "Html",
        "dataFields": [
            {"key": "FIRSTNAME", "value": "Alice"},
            {"key": "LASTNAME", "value": None},
            {"key": "FULLNAME", "value": None},
            {"key": "GENDER", "value": None},
            {"key": "POSTCODE", "value": None},
        ],
        "status": "Subscribed",
    }


def test_posting_an_address_again_updates_its_contact(api: Caller, alice: dict[str, Any]) -> None:
    body = {
        "Email": "ALICE@EXAMPLE.COM",
        "OptInType": "single",
        "EmailType": "plaintext",
        "DataFields": [{"Key": "LASTNAME", "Value": "Älvsjö 'O\"Neil"}],
    }
    again = api.json("POST /v2/contacts", body, 201)
    assert (again["id"], again["email"]) == (alice["id"], "Alice@example.com")
    assert (again["optInType"], again["emailType"]) == ("Single", "PlainText")
    assert values(again) == {"FIRSTNAME": "Alice", "LASTNAME": "Älvsjö 'O\"Neil"}


def test_writing_the_same_again_does_not_touch_the_contact(api: Caller, alice: dict[str, Any]) -> None:
    long_ago = NOW - timedelta(days=400)
    Contact.objects.update(updated_at=long_ago)
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    assert Contact.objects.get().updated_at == long_ago


def test_null_and_empty_clear_a_field(api: Caller, alice: dict[str, Any]) -> None:
    body = {"email": "alice@example.com", "dataFields": [{"key": "FIRSTNAME", "value": None}]}
    assert values(api.json("POST /v2/contacts", body, 201)) == {}


@pytest.mark.parametrize("who", ["alice@example.com", "ALICE%40example.com", "Alice@example.com/"])
def test_it_reads_a_contact_by_its_address(api: Caller, alice: dict[str, Any], who: str) -> None:
    assert api.json(f"GET /v2/contacts/{who}") == alice
    assert api.json(f"GET /v2/contacts/{alice['id']}") == alice


def test_an_address_may_have_a_plus_in_the_path(api: Caller) -> None:
    made = api.json("POST /v2/contacts", {"email": "a+b@example.com"}, 201)
    assert api.json("GET /v2/contacts/a+b@example.com")["id"] == made["id"]
    assert api.json("GET /v2/contacts/a%2Bb@example.com")["id"] == made["id"]


@pytest.mark.parametrize("who", ["99999999", "99999999999999999999999", "nobody@example.com"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_contact_is_not_found(api: Caller, method: str, who: str) -> None:
    assert api.error(f"{method} /v2/contacts/{who}") == (404, "Error: ERROR_CONTACT_NOT_FOUND")


@pytest.mark.parametrize("email", ["", None, "nobody", "a@b", "a b@example.com", 5])
def test_a_bad_address_is_refused(api: Caller, email: object) -> None:
    status, message = api.error("POST /v2/contacts", {"email": email})
    assert status == 400
    assert message.endswith(" ERROR_INVALID_EMAIL")


def test_put_changes_what_is_given_and_renames(api: Caller, alice: dict[str, Any]) -> None:
    body = {"email": "alicia@example.com", "dataFields": [{"key": "GENDER", "value": "f"}]}
    changed = api.json(f"PUT /v2/contacts/{alice['id']}", body)
    assert (changed["id"], changed["email"]) == (alice["id"], "alicia@example.com")
    assert values(changed) == {"FIRSTNAME": "Alice", "GENDER": "f"}
    assert api.error("GET /v2/contacts/alice@example.com")[0] == 404


def test_put_refuses_an_address_that_another_has(api: Caller, alice: dict[str, Any]) -> None:
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    assert api.error(f"PUT /v2/contacts/{alice['id']}", {"email": "Bob@example.com"}) == (
        400,
        "'Bob@example.com' belongs to another contact. ERROR_NON_UNIQUE_EMAIL",
    )


def test_a_rename_does_not_escape_a_suppression(api: Caller, alice: dict[str, Any]) -> None:
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    Contact.objects.filter(email_key="bob@example.com").delete()
    _, message = api.error(f"PUT /v2/contacts/{alice['id']}", {"email": "bob@example.com"})
    assert message == "Contact is suppressed. ERROR_CONTACT_SUPPRESSED"


def test_put_zero_creates(api: Caller) -> None:
    assert api.json("PUT /v2/contacts/0", {"email": "zoe@example.com"}, 201)["email"] == "zoe@example.com"


def test_data_fields_have_an_address_of_their_own(api: Caller, alice: dict[str, Any]) -> None:
    path = f"PUT /v2/contacts/{alice['id']}/data-fields"
    api.json(path, [{"key": "GENDER", "value": "f"}])
    changed = api.json(path, {"dataFields": [{"key": "POSTCODE", "value": "N1"}]})
    assert values(changed) == {"FIRSTNAME": "Alice", "GENDER": "f", "POSTCODE": "N1"}


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("String", "Ünï 'q\" 💌", "Ünï 'q\" 💌"),
        ("String", 7, "7"),
        ("String", True, "true"),
        ("String", "x" * 1000, "x" * 1000),
        ("Numeric", 12.5, 12.5),
        ("Numeric", "-0012.50", -12.5),
        ("Numeric", " 3 ", 3),
        ("Numeric", "1e3", 1000),
        ("Numeric", 123456789012345678, 123456789012345678),
        ("Numeric", "0.1234567891", 0.123456789),
        ("Date", "1998-06-30", "1998-06-30"),
        ("Date", "1998-06-30T10:00:00", "1998-06-30T10:00:00Z"),
        ("Date", "1998-06-30T10:00:00+02:00", "1998-06-30T08:00:00Z"),
        ("Date", "2020-01-01 09:40:18.527000+00:00", "2020-01-01T09:40:18.527000Z"),
        ("Boolean", True, True),
        ("Boolean", "True", True),
        ("Boolean", "yes", True),
        ("Boolean", 1, True),
        ("Boolean", "NO", False),
        ("Boolean", "0", False),
    ],
)
def test_it_keeps_values_by_the_type_of_their_field(
    api: Caller, kind: str, value: object, kept: object
) -> None:
    api.json("POST /v2/data-fields", {"name": "THING", "type": kind}, 201)
    body = {"email": "alice@example.com", "dataFields": [{"key": "thing", "value": value}]}
    assert values(api.json("POST /v2/contacts", body, 201))["THING"] == kept
    assert values(api.json("GET /v2/contacts/alice@example.com"))["THING"] == kept


@pytest.mark.parametrize(
    ("kind", "value", "token"),
    [
        ("String", "x" * 1001, "ERROR_DATAFIELD_VALUE_OVERFLOW"),
        ("String", ["a"], "ERROR_DATAFIELD_INVALID"),
        ("Numeric", "twelve", "ERROR_DATAFIELD_INVALID"),
        ("Numeric", "1_000", "ERROR_DATAFIELD_INVALID"),
        ("Numeric", "NaN", "ERROR_DATAFIELD_INVALID"),
        ("Numeric", "Infinity", "ERROR_DATAFIELD_INVALID"),
        ("Numeric", True, "ERROR_DATAFIELD_INVALID"),
        ("Numeric", "1" * 19, "ERROR_DATAFIELD_VALUE_OVERFLOW"),
        ("Numeric", "1e999999", "ERROR_DATAFIELD_VALUE_OVERFLOW"),
        ("Date", "30/06/1998", "ERROR_DATAFIELD_INVALID"),
        ("Date", "1998-02-30", "ERROR_DATAFIELD_INVALID"),
        ("Date", "19980630", "ERROR_DATAFIELD_INVALID"),
        ("Date", "0001-01-01T00:00:00+14:00", "ERROR_DATAFIELD_INVALID"),
        ("Date", 19980630, "ERROR_DATAFIELD_INVALID"),
        ("Boolean", "perhaps", "ERROR_DATAFIELD_INVALID"),
        ("Boolean", 2, "ERROR_DATAFIELD_INVALID"),
        ("Boolean", {}, "ERROR_DATAFIELD_INVALID"),
    ],
)
def test_it_refuses_values_that_do_not_fit(api: Caller, kind: str, value: object, token: str) -> None:
    api.json("POST /v2/data-fields", {"name": "THING", "type": kind}, 201)
    body = {"email": "alice@example.com", "dataFields": [{"key": "THING", "value": value}]}
    status, message = api.error("POST /v2/contacts", body)
    assert status == 400
    assert message.startswith("The value of THING ")
    assert message.endswith(token)
    assert not Contact.objects.exists()


def test_it_refuses_an_unknown_field(api: Caller) -> None:
    body = {"email": "alice@example.com", "dataFields": [{"key": "NOPE", "value": 1}]}
    assert api.error("POST /v2/contacts", body) == (
        400,
        "There is no data field 'NOPE'. ERROR_DATAFIELD_NOTFOUND",
    )


def test_the_seed_field_marks_a_seed(api: Caller) -> None:
    api.json("POST /v2/data-fields", {"name": "USHER_SEED", "type": "Boolean"}, 201)
    body = {"email": "sam@example.com", "dataFields": [{"key": "USHER_SEED", "value": True}]}
    api.json("POST /v2/contacts", body, 201)
    assert Contact.objects.get().is_seed is True
    body["dataFields"] = [{"key": "USHER_SEED", "value": False}]
    api.json("POST /v2/contacts", body, 201)
    assert Contact.objects.get().is_seed is False


def test_deleting_is_no_opt_out(api: Caller, alice: dict[str, Any]) -> None:
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)
    api.json(f"POST /v2/address-books/{book['id']}/contacts", {"email": "alice@example.com"})
    assert api(f"DELETE /v2/contacts/{alice['id']}").status_code == 204
    assert api.error(f"GET /v2/contacts/{alice['id']}")[0] == 404
    assert api.json("GET /v2/contacts/count") == 0
    assert not Membership.objects.exists()
    back = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    assert (back["id"], back["status"]) == (alice["id"], "Subscribed")


def test_deleting_lifts_no_opt_out(api: Caller, alice: dict[str, Any]) -> None:
    api.json("POST /v2/contacts/unsubscribe", {"email": "alice@example.com"})
    assert api(f"DELETE /v2/contacts/{alice['id']}").status_code == 204
    assert api.error("POST /v2/contacts", {"email": "alice@example.com"}) == (
        400,
        "Contact is suppressed. ERROR_CONTACT_SUPPRESSED",
    )


def test_proof_is_waited_for_when_it_was_asked_for(api: Caller) -> None:
    body = {"email": "alice@example.com", "optInType": "VerifiedDouble"}
    assert api.json("POST /v2/contacts", body, 201)["status"] == "PendingOptIn"


def test_it_pages_through_contacts_in_the_order_of_their_ids(api: Caller) -> None:
    made = [api.json("POST /v2/contacts", {"email": f"c{n}@example.com"}, 201)["id"] for n in range(5)]
    first = api.json("GET /v2/contacts?select=2")
    second = api.json("GET /v2/contacts?Select=2&Skip=2&withFullData=true")
    assert [row["id"] for row in first] == made[:2]
    assert [row["id"] for row in second] == made[2:4]
    assert first[0]["dataFields"] is None
    assert len(second[0]["dataFields"]) == 5
    assert api.json("GET /v2/contacts?select=1000&skip=5") == []


@pytest.mark.parametrize("query", ["select=0", "select=1001", "select=x", "skip=-1", "select=-1"])
@pytest.mark.parametrize("path", ["contacts", "address-books", "programs", "campaigns"])
def test_it_refuses_bad_pages(api: Caller, path: str, query: str) -> None:
    status, message = api.error(f"GET /v2/{path}?{query}")
    assert status == 400
    assert message.endswith("ERROR_PARAMETER_INVALID")


def test_it_reads_what_changed_since(api: Caller, account: Account) -> None:
    for day, name in enumerate(["old", "new"]):
        then = NOW + timedelta(days=day)
        Contact.objects.create(
            account=account,
            email=f"{name}@example.com",
            email_key=f"{name}@example.com",
            status_at=then,
            created_at=then,
            updated_at=then + timedelta(days=1),
        )
    emails = lambda path: [row["email"] for row in api.json(f"GET /v2/contacts/{path}")]  # noqa: E731
    assert emails("created-since/2026-03-02") == ["new@example.com"]
    assert emails("created-since/2026-03-01T12:00:00Z") == ["old@example.com", "new@example.com"]
    assert emails("modified-since/2026-03-02T12:00:01.000Z") == ["new@example.com"]
    assert emails("modified-since/2026-03-02T13:00:00+01:00?select=2000") == [
        "old@example.com",
        "new@example.com",
    ]
    assert api.error("GET /v2/contacts/created-since/yesterday") == (
        400,
        "'yesterday' is not a date. ERROR_PARAMETER_INVALID",
    )


def test_it_gets_several_contacts_at_once(api: Caller, alice: dict[str, Any]) -> None:
    body = {"contacts": [{"id": alice["id"]}, {"email": "BOB@example.com"}, {"id": 999}]}
    found = api.json("POST /v2/contacts/retrieve-collection", body)
    assert [row["email"] for row in found["contacts"]] == ["Alice@example.com"]
    assert found["notFound"] == [{"id": 999, "email": None}, {"id": 0, "email": "bob@example.com"}]
