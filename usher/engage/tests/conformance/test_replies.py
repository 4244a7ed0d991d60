"""The check of replies itself: it must object to what is not described."""

from __future__ import annotations

import json

import pytest

from usher.engage.tests.conformance.described import meant, operations
from usher.engage.tests.conformance.replies import problems

LIST = {"id": 5, "name": "News", "visibility": "Private", "contacts": 3}


def said(method: str, path: str, status: int, body: object, kind: str = "application/json") -> list[str]:
    return problems(method, path, status, kind, json.dumps(body).encode())


def test_every_description_is_read() -> None:
    assert len(operations()) == 143 + 10 + 8 + 2 + 3 + 8 + 7


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v2/contacts/count", "/v2/contacts/count"),
        ("/v2//contacts/7/", "/v2/contacts/{id}"),
        ("/v2/contacts/a@example.com", "/v2/contacts/{email}"),
        ("/contacts/v3/email/a@example.com", "/contacts/v3/{identifier}/{value}"),
    ],
)
def test_a_path_means_an_operation(path: str, template: str) -> None:
    assert meant("GET", path)[0].template == template


def test_a_reply_as_described_is_let_through() -> None:
    assert said("GET", "/v2/address-books/5", 200, LIST) == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (201, LIST),
        (200, LIST | {"contacts": "3"}),
        (200, LIST | {"visibility": "private"}),
        (200, LIST | {"Name": "News"}),
        (200, {"id": 5, "name": "News", "visibility": "Private"}),
        (200, [LIST]),
        (404, {"message": "It is not there."}),
        (404, {"message": "Error: ERROR_NO_SUCH_TOKEN"}),
        (404, {"error": "Error: ERROR_ADDRESSBOOK_NOT_FOUND"}),
    ],
)
def test_another_reply_is_objected_to(status: int, body: object) -> None:
    assert said("GET", "/v2/address-books/5", status, body)


def test_an_operation_that_nobody_described_is_objected_to() -> None:
    assert said("GET", "/v2/nonsense", 200, {}) == ["GET /v2/nonsense is not described"]
    assert said("GET", "/v2/suppressions", 200, []) == []
