from __future__ import annotations

import base64
import subprocess
from datetime import timedelta
from typing import Any

import pytest

from usher.engage import audit, calls
from usher.engage.access import MOST_WRONG, create_api_user
from usher.engage.accounts import create_account
from usher.engage.models import Account, ApiCall, Audit
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


@pytest.fixture(autouse=True)
def _nothing_waits() -> None:
    calls._waiting.clear()


def test_a_call_is_recorded_with_what_was_sent_and_answered(api: Caller, account: Account) -> None:
    api("POST /v2/contacts/?x=1", '{"email": "alice@example.com"}')
    assert ApiCall.objects.count() == 0
    assert calls.write() == 1
    call = ApiCall.objects.get()
    assert (call.account, call.method, call.path, call.status, call.token) == (
        account,
        "POST",
        "/v2/contacts?x=1",
        201,
        "",
    )
    assert call.user == account.api_users.get()
    assert call.sent == '{"email": "alice@example.com"}'
    assert call.answered.startswith('{"id":')
    assert call.milliseconds >= 0


def test_an_error_is_recorded_with_its_token(api: Caller) -> None:
    api("GET /v2/contacts/nobody@example.com")
    calls.write()
    assert ApiCall.objects.values_list("status", "token").get() == (404, "ERROR_CONTACT_NOT_FOUND")


def test_a_denied_log_in_is_recorded_under_the_user_it_names(account: Account, client: Any) -> None:
    create_api_user(account, NOW, "shop", "correct horse 1")
    for who in ("shop:wrong horse 1", "nobody:wrong horse 1"):
        basic = f"Basic {base64.b64encode(who.encode()).decode()}"
        answer = client.get("/v2/account-info?x=1", headers={"Authorization": basic})
        assert answer.status_code == 401
    assert client.get("/v2/account-info").status_code == 401
    calls.write()
    call = ApiCall.objects.get()
    assert (call.account, call.user.username, call.path, call.status, call.sent) == (  # type: ignore[union-attr]
        account,
        "shop",
        "/v2/account-info?x=1",
        401,
        "",
    )
    assert "wrong horse" not in str(call.__dict__)
    wrong = {"Authorization": f"Basic {base64.b64encode(b'shop:x').decode()}"}
    for _ in range(20):
        client.get("/v2/account-info", headers=wrong)
    calls.write()
    assert 1 < ApiCall.objects.count() <= MOST_WRONG


def test_bodies_are_cut_and_made_fit_to_be_kept(api: Caller) -> None:
    api("POST /v2/contacts", b"\xff\x00" + b"a" * 9000)
    calls.write()
    sent = ApiCall.objects.get().sent
    assert sent.startswith("\ufffd\ufffdaaa")
    assert len(sent) == calls.LONGEST + 2
    assert sent.endswith(" …")


def test_secrets_are_not_recorded(api: Caller) -> None:
    api("POST /v2/contacts", '{"Password": "hu\\"nter2", "webhookSecret":"x", "email": "a@example.com"}')
    calls.write()
    call = ApiCall.objects.get()
    assert call.sent == '{"Password": "…", "webhookSecret":"…", "email": "a@example.com"}'
    assert "correct horse" not in str(call.__dict__)


def test_calls_are_forgotten_after_a_week(api: Caller) -> None:
    for _ in range(3):
        api("GET /v2/account-info")
    calls.write()
    old, *new = ApiCall.objects.order_by("pk")
    ApiCall.objects.filter(pk=old.pk).update(at=NOW - timedelta(days=7, seconds=1))
    ApiCall.objects.filter(pk__in=[call.pk for call in new]).update(at=NOW - timedelta(days=6))
    assert calls.forget(NOW) == 1
    assert calls.forget(NOW) == 0
    assert set(ApiCall.objects.all()) == set(new)


def test_only_the_latest_calls_of_an_account_are_kept(
    api: Caller, other: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST", 2)
    for _ in range(4):
        api("GET /v2/account-info")
    other("GET /v2/account-info")
    calls.write()
    latest = list(ApiCall.objects.order_by("-pk").values_list("pk", flat=True)[:3])
    calls.forget(NOW)
    assert list(ApiCall.objects.order_by("-pk").values_list("pk", flat=True)) == latest


def test_notes_of_changes_are_forgotten_after_a_year_and_a_bit(account: Account) -> None:
    audit.note(account, "page anna", "contact", 1, "export", NOW - timedelta(days=401))
    audit.note(account, "page anna", "contact", 2, "export", NOW - timedelta(days=399))
    assert audit.forget(NOW) == 1
    assert Audit.objects.get().key == "2"


def test_a_call_can_be_made_again_with_curl(api: Caller, account: Account) -> None:
    body = """{"email": "o'neill@example.com", "x": "$HOME `id`"}"""
    api("POST /v2/contacts", body)
    calls.write()
    command = calls.curl(ApiCall.objects.get(), "http://localhost:8000/")
    name = account.api_users.get().username
    words = subprocess.run(
        ["sh", "-c", command.replace("curl", "printf '%s\\n'", 1)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert words == [
        "-X",
        "POST",
        "-u",
        f"{name}:PASSWORD",
        "-H",
        "Content-Type: application/json",
        "--data-raw",
        body,
        "http://localhost:8000/v2/contacts",
    ]


def test_a_cut_body_is_said_to_be_cut(api: Caller) -> None:
    api("POST /v2/contacts", '{"email": "' + "a" * 5000)
    calls.write()
    told, command = calls.curl(ApiCall.objects.get(), "http://localhost:8000").split("\n", 1)
    assert told == "# only the beginning of the body was kept"
    assert command.startswith("curl -X POST")


def test_a_read_body_of_a_form_costs_nothing(api: Caller, client: Any) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("people.csv", b"email\na@example.com\n")
    answer = client.post("/v2/contacts/import", {"file": file}, headers=api.headers)
    assert answer.status_code == 202
    calls.write()
    assert ApiCall.objects.get().sent == ""


def test_a_call_of_an_account_that_is_gone_takes_no_other_with_it(api: Caller, account: Account) -> None:
    gone = create_account("Gone", NOW)
    calls.keep(calls.Heard(gone.pk, None, NOW, "GET", "/v2/x", 200, "", 1, b"", b""))
    gone.delete()
    api("GET /v2/server-time")
    user = account.api_users.get()
    user.delete()
    assert calls.write() == 2
    assert list(ApiCall.objects.values_list("account", "user")) == [(account.pk, None)]
