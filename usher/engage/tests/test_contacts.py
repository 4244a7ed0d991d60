from __future__ import annotations

import pytest

from usher.engage.tests.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


def test_smoke(api: Caller) -> None:
    made = api.json("POST /v2/contacts", {"Email": "Alice@example.com", "dataFields": [{"key": "firstname", "value": "Al"}]}, 201)
    assert made["status"] == "Subscribed"
    assert api.json(f"GET /v2/contacts/{made['id']}") == made
    book = api.json("POST /v2/address-books", {"Name": "News"}, 201)
    job = api.upload(f"/v2/address-books/{book['id']}/contacts/import", "Email,FIRSTNAME\nbob@example.com,Bob\nalice@example.com,Ally\n")
    assert (job["newContacts"], job["updatedContacts"]) == (1, 1)
    assert api.json(f"GET /v2/address-books/{book['id']}")["contacts"] == 2
    assert api.json("GET /v2/contacts/alice@example.com")["dataFields"][0] == {"key": "FIRSTNAME", "value": "Ally"}
    got = api("GET /contacts/v3/email/alice@example.com")
    assert got.status_code == 200, got.content
    got = api("GET /engage/v1/trace?email=alice@example.com")
    assert got.status_code == 200, got.content
