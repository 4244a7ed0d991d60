"""What clients in the wild send, and what becomes of it."""

from __future__ import annotations

import pytest

from usher.engage.tests.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

BODY = '{"email": "alice@example.com"}'

# what is sent, with which headers, and the status of the answer
TABLE = [
    ("GET /v2/contacts", "", {}, 200),
    ("GET /v2/contacts/", "", {}, 200),
    ("GET /v2///contacts//", "", {}, 200),
    ("GET /v2/contacts/?SELECT=5&Skip=0&WITHFULLDATA=True", "", {}, 200),
    ("GET /v2/contacts?select=%205%20", "", {}, 200),
    ("GET /v2/contacts?select=0", "", {}, 400),
    ("GET /v2/contacts?select=five", "", {}, 400),
    ("GET /v2/contacts?unknown=1", "", {}, 200),
    # paths are written as they are published: another case is another path
    ("GET /v2/Contacts", "", {}, 404),
    ("GET /V2/contacts", "", {}, 404),
    ("POST /v2/contacts/", BODY, {}, 201),
    ("POST /v2//contacts", BODY, {}, 201),
    ("POST /v2/contacts", '{"Email": "alice@example.com", "DataFields": null, "Extra": {}}', {}, 201),
    (
        "POST /v2/contacts",
        '{"EMAIL": "alice@example.com", "OPTINTYPE": "SINGLE", "emailtype": "html"}',
        {},
        201,
    ),
    ("POST /v2/contacts", BODY, {"content_type": ""}, 201),
    ("POST /v2/contacts", BODY, {"content_type": "text/plain"}, 201),
    ("POST /v2/contacts", BODY, {"content_type": "application/json; charset=UTF-8"}, 201),
    ("POST /v2/contacts", BODY, {"content_type": "application/xml"}, 415),
    ("POST /v2/contacts", BODY.encode("utf-8-sig"), {}, 201),
    ("POST /v2/contacts", BODY.encode("utf-16"), {}, 400),
    (
        "POST /v2/contacts",
        BODY,
        {"HTTP_X_DDG_INTEGRATION_TOKEN": "6f1b0c0e-5a3a-4d5e-9a67-0c3a1c9d7e11"},
        201,
    ),
    ("POST /v2/contacts", BODY, {"HTTP_X_DDG_INTEGRATION_TOKEN": "nonsense"}, 201),
    ("POST /v2/contacts", BODY, {"HTTP_ACCEPT": "application/xml"}, 201),
    ("POST /v2/programs/enrolments/", '{"programId": "123", "contacts": ["1"]}', {}, 404),
]


@pytest.mark.parametrize(("line", "body", "more", "status"), TABLE)
def test_what_is_understood(
    api: Caller, line: str, body: str | bytes, more: dict[str, str], status: int
) -> None:
    answer = api(line, body, **more)
    assert answer.status_code == status, answer.content
    assert "Location" not in answer


def test_a_user_name_and_password_are_taken_in_any_spelling_of_basic(api: Caller) -> None:
    token = api.headers["Authorization"].split()[1]
    for header in (f"Basic {token}", f"basic {token}", f"BASIC   {token} "):
        api.headers = {"Authorization": header}
        assert api("GET /v2/account-info").status_code == 200
