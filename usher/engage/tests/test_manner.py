from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from usher.engage.api import manner
from usher.engage.api.problems import ApiError
from usher.engage.api.published import is_published
from usher.engage.api.v2 import account as account_views
from usher.engage.models import Account, Contact
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/data-fields/",
        "/v2//data-fields",
        "/v2/address-books//",
        "/v2/programs/?select=5",
        "/v2/contacts/?SELECT=5&WithFullData=TRUE",
        "/v2/campaigns/",
    ],
)
def test_slashes_at_the_end_and_doubled_are_understood(api: Caller, path: str) -> None:
    assert api(f"GET {path}").status_code == 200


def test_version_3_takes_slashes_too(api: Caller) -> None:
    api.json("POST /v2//contacts/", {"email": "alice@example.com"}, 201)
    assert api("GET /contacts//v3//email/alice@example.com/").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        '{"EMAIL":"a@example.com","dataFIELDS":[{"KEY":"firstname","VALUE":"A"}],"nonsense":{"x":[1]}}',
        '{"email":"a@example.com","dataFields":[{"key":"FirstName","value":"A"}],"status":"Unsubscribed"}',
        '\ufeff{"Email":"a@example.com","DataFields":[{"Key":"FIRSTNAME","Value":"A"}],"id":"0"}',
    ],
)
@pytest.mark.parametrize(
    "content_type", ["application/json", "", "text/plain", "application/JSON; charset=utf-8"]
)
def test_keys_in_any_case_unknown_keys_and_any_content_type(
    api: Caller, body: str, content_type: str
) -> None:
    answer = api("POST /v2/contacts", body, content_type=content_type)
    assert answer.status_code == 201
    assert answer.json()["status"] == "Subscribed"
    assert answer.json()["dataFields"][0] == {"key": "FIRSTNAME", "value": "A"}


def test_json_sent_as_a_form_is_read(api: Caller) -> None:
    answer = api(
        "POST /v2/contacts", '{"email":"a@example.com"}', content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 201


def test_xml_is_not_read(api: Caller) -> None:
    answer = api("POST /v2/contacts", "<a/>", content_type="text/xml")
    assert answer.status_code == 415
    assert answer.json() == {"message": "Send application/json. ERROR_CONTENT_TYPE_IS_NOT_SUPPORTED"}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "nonsense",
        b"\xff\xfe",
        '{"email":NaN}',
        '{"email":"a\\u0000@example.com"}',
        '{"email":"\\ud800@example.com"}',
        "[" * 100_000,
        "[]",
        '"text"',
        "null",
    ],
)
def test_what_is_no_json_object_is_refused(api: Caller, body: str | bytes) -> None:
    answer = api("POST /v2/address-books", body)
    assert answer.status_code == 400
    assert answer.json()["message"].endswith(" ERROR_MALFORMED_REQUEST")


def test_a_body_that_is_too_large_is_refused(api: Caller) -> None:
    answer = api("POST /v2/contacts", '{"email":"' + "a" * 25_200_000 + '"}')
    assert answer.status_code == 413


def test_nul_in_an_address_is_refused(api: Caller) -> None:
    for path in ("/v2/contacts/a%00@example.com", "/v2/contacts?select=%00", "/engage/v1/trace?email=a%00"):
        assert api.error(f"GET {path}") == (
            400,
            "The address has a NUL character. ERROR_PARAMETER_INVALID",
        )


def test_published_operations_that_are_not_built_are_inactive(api: Caller, rf: Any) -> None:
    """Asked of a server that has none of them, as more and more of them are built."""
    call = manner.Call(rf.get("/"), Account.objects.get(), NOW)
    for path in ("/v2/segments", "/v2/contacts/a@example.com/score", "/contacts/v3/email/a@example.com"):
        with pytest.raises(ApiError) as refused:
            manner._operate(call, path, "usher.engage.tracking.urls")
        assert (refused.value.status, refused.value.token) == (403, "ERROR_FEATURENOTACTIVE")


def test_every_published_operation_answers_something_of_ours(api: Caller) -> None:
    lines = Path(manner.__file__).with_name("published.txt").read_text().splitlines()
    assert len(lines) >= 153
    for line in lines:
        method, template = line.split()
        path = template
        for name in ("email", "contactEmail"):
            path = path.replace("{" + name + "}", "nobody@example.com")
        path = "".join("7" if part.endswith("}") else part for part in _parts(path))
        assert is_published(method, path)
        answer = api(f"{method} {path}", {})
        allowed = (200, 201, 202, 204, 400, 403, 404, 409)
        assert answer.status_code in allowed, f"{line}: {answer.status_code}"
        if answer.status_code == 404:
            assert "There is no operation" not in answer.content.decode(), line


def _parts(path: str) -> list[str]:
    return [piece for half in path.split("{") for piece in _closed(half)]


def _closed(half: str) -> list[str]:
    name, brace, rest = half.partition("}")
    return [name + brace, rest] if brace else [half]


def test_other_paths_and_methods_say_so(api: Caller) -> None:
    assert api.error("GET /v2/nonsense") == (
        404,
        "There is no operation at /v2/nonsense. ERROR_PARAMETER_INVALID",
    )
    answer = api("PATCH /v2/contacts", {})
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, POST"


def test_what_is_no_id_is_not_found_rather_than_not_active(api: Caller) -> None:
    for path in ("contacts/abc", "address-books/-5", "address-books/abc/contacts"):
        assert api.error(f"GET /v2/{path}")[0] == 404


def test_an_error_of_ours_tells_nothing(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> HttpResponse:
        raise RuntimeError("secret")

    monkeypatch.setattr(account_views.limits, "last_hour", broken)
    answer = api("GET /v2/account-info")
    assert answer.status_code == 500
    assert answer.json() == {"message": "Error: ERROR_UNKNOWN"}


def test_no_success_has_a_message(api: Caller) -> None:
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    for path in ("account-info", "contacts/alice@example.com"):
        assert "message" not in api.json(f"GET /v2/{path}")


def test_the_account_says_where_it_lives(api: Caller, settings: Any) -> None:
    settings.USHER_PUBLIC_URL = "https://mail.example.com"
    info = api.json("GET /v2/account-info/")
    named = {one["name"]: one["value"] for one in info["properties"]}
    assert named["ApiEndpoint"] == "https://mail.example.com/"
    assert (named["Name"], named["TimeZoneIana"]) == ("Usher", "UTC")
    assert int(named["ApiCallsInLastHour"]) + int(named["ApiCallsRemaining"]) == 2000
    assert all(isinstance(one["value"], str) for one in info["properties"])


def test_the_server_tells_the_time(api: Caller) -> None:
    import re

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", api.json("GET /v2/server-time"))


def test_replies_are_utf_8(api: Caller) -> None:
    api.json("POST /v2/address-books", {"name": "Grüße 💌"}, 201)
    answer = api("GET /v2/address-books")
    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert "Grüße 💌".encode() in answer.content
    assert json.loads(answer.content)[0]["name"] == "Grüße 💌"
    assert not Contact.objects.exists()


@pytest.mark.parametrize("path", ["/v2/contacts/%0A", "/v2/%0Ax", "/contacts/v3/email/a%0Ab", "/cpaas/x%0A"])
def test_line_breaks_in_a_path_are_answered_as_the_api_answers(api: Caller, path: str) -> None:
    answer = api(f"GET {path}")
    assert answer.status_code in (400, 404)
    assert answer["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("body", ['[{"a\\u0000b": 1}]', '[{"\\ud800": 1}]', '[{"contactId": 1e999}]'])
def test_what_no_database_takes_is_refused(api: Caller, body: str) -> None:
    assert api("POST /contacts/v3/delete", body).status_code == 400
