from __future__ import annotations

from typing import Any

import pytest

from usher.engage.models import Account, Contact, Program
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


@pytest.fixture
def theirs(account: Account, api: Caller) -> dict[str, Any]:
    """A row of every kind that belongs to the first account."""
    contact = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"]
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    api.json(f"POST /v2/address-books/{book}/contacts", {"email": "alice@example.com"})
    api.json("POST /v2/data-fields", {"name": "AGE", "type": "Numeric"}, 201)
    body = {
        "name": "Hello",
        "subject": "Hello",
        "fromName": "Shop",
        "htmlContent": "http://$UNSUB$",
        "plainTextContent": "http://$UNSUB$",
    }
    campaign = api.json("POST /v2/campaigns", body, 201)["id"]
    job = api.upload(f"/v2/address-books/{book}/contacts/import", "Email\nbob@example.com\n")["id"]
    removal = api.json(f"POST /v2/address-books/{book}/contacts/delete", [4711], 202)["id"]
    program = Program.objects.create(account=account, name="P", status="Active", created_at=NOW).pk
    api.json("POST /v2/contacts/unsubscribe", {"email": "carol@example.com"})
    return {
        "contact": contact,
        "book": book,
        "campaign": campaign,
        "job": job,
        "removal": removal,
        "program": program,
    }


def test_nobody_sees_a_row_of_another_account(other: Caller, theirs: dict[str, Any]) -> None:
    for line in (
        "GET /v2/contacts/{contact}",
        "GET /v2/contacts/alice@example.com",
        "PUT /v2/contacts/{contact}",
        "DELETE /v2/contacts/{contact}",
        "GET /v2/contacts/{contact}/address-books",
        "GET /v2/address-books/{book}",
        "PUT /v2/address-books/{book}",
        "DELETE /v2/address-books/{book}",
        "GET /v2/address-books/{book}/contacts",
        "POST /v2/address-books/{book}/contacts",
        "DELETE /v2/address-books/{book}/contacts",
        "DELETE /v2/address-books/{book}/contacts/{contact}",
        "POST /v2/address-books/{book}/contacts/delete",
        "POST /v2/address-books/{book}/contacts/delete-all",
        "POST /v2/address-books/{book}/contacts/unsubscribe",
        "POST /v2/address-books/{book}/contacts/import",
        "GET /v2/contacts/deletion/{removal}",
        "GET /v2/contacts/import/{job}",
        "GET /v2/contacts/import/{job}/report",
        "GET /v2/contacts/import/{job}/report-faults",
        "DELETE /v2/data-fields/AGE",
        "GET /v2/campaigns/{campaign}",
        "GET /v2/programs/{program}",
        "GET /contacts/v3/contactId/{contact}",
        "GET /contacts/v3/email/alice@example.com",
    ):
        answer = other(line.format(**theirs), {"email": "x@example.com", "name": "X"})
        assert answer.status_code == 404, f"{line}: {answer.status_code}"
    assert Contact.objects.get(pk=theirs["contact"]).status == "Subscribed"


def test_nobody_lists_or_uses_rows_of_another_account(other: Caller, theirs: dict[str, Any]) -> None:
    for path in (
        "contacts",
        "contacts/created-since/2000-01-01",
        "contacts/suppressed-since/2000-01-01",
        "suppressions",
        "address-books",
        "campaigns",
        "programs",
        "programs/enrolments/Processing",
    ):
        assert other.json(f"GET /v2/{path}") == [], path
    assert other.json("GET /v2/contacts/count") == 0
    assert len(other.json("GET /v2/data-fields")) == 5
    assert other.json("GET /engage/v1/trace?email=alice@example.com")["contact"] is None
    found = other.json("POST /v2/contacts/retrieve-collection", {"contacts": [{"id": theirs["contact"]}]})
    assert found["contacts"] == []
    suppressed = other.json("PUT /v2/contacts/suppress-contacts", [{"id": theirs["contact"]}])
    assert suppressed["suppressed"] == []
    enrol = {"programId": theirs["program"], "contacts": [theirs["contact"]]}
    assert other.error("POST /v2/programs/enrolments", enrol)[0] == 404
    collection = {"addressBookIds": [theirs["book"]], "contacts": []}
    assert other.error("POST /v2/contacts/import-collection", collection)[0] == 400
    assert other("PATCH /contacts/v3/email/x@example.com", {"lists": [theirs["book"]]}).status_code == 400


def test_the_same_address_may_be_in_two_accounts(other: Caller, theirs: dict[str, Any]) -> None:
    mine = other.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    assert mine["id"] != theirs["contact"]
    other.json("POST /v2/contacts", {"email": "carol@example.com"}, 201)
    other.json("POST /v2/contacts/unsubscribe", {"email": "alice@example.com"})
    assert Contact.objects.get(pk=theirs["contact"]).status == "Subscribed"
    other.upload("/v2/contacts/import", "Email,FIRSTNAME\nbob@example.com,Mine\n")
    rows = Contact.objects.filter(email_key="bob@example.com").order_by("pk")
    assert [row.data for row in rows] == [{}, {"FIRSTNAME": "Mine"}]
