from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import hashers

from usher.engage import access
from usher.engage.accounts import create_account
from usher.engage.models import Account, ApiUser
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

DENIED = {"message": "Authorization has been denied for this request. ERROR_INVALID_LOGIN"}


def speaks_for(header: str, now: datetime) -> Account | None:
    user = access.authenticate(header, now)
    return user.account if user else None


def header(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Bearer abc",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + base64.b64encode(b"nobody:\x00").decode(),
        header("nobody@apiconnector.com", "x"),
        header("", ""),
    ],
)
@pytest.mark.parametrize("path", ["/v2/account-info", "/contacts/v3/email/a@b.co", "/engage/v1/trace"])
def test_who_does_not_log_in_is_denied(client: Any, db: None, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json()) == (401, DENIED)
    assert answer["WWW-Authenticate"].startswith("Basic")


def test_a_user_name_and_a_password_are_made(account: Account) -> None:
    username, password = access.create_api_user(account, NOW)
    assert username.startswith("apiuser-")
    assert username.endswith("@apiconnector.com")
    assert len(username) == len("apiuser-@apiconnector.com") + 12
    assert speaks_for(header(username, password), NOW) == account
    assert access.authenticate(header(username, password + "x"), NOW) is None
    assert password not in ApiUser.objects.get().password


@pytest.mark.parametrize(
    ("username", "password", "problem"),
    [
        ("a", "short1", "a password has 8 or more characters, one of which is no letter"),
        ("a", "onlyletters", "a password has 8 or more characters, one of which is no letter"),
        ("a:b", "long enough 1", "a user name has no colon"),
        ("taken", "long enough 1", "the API user taken exists already; disable it, or choose another name"),
    ],
)
def test_it_refuses_what_cannot_log_in(account: Account, username: str, password: str, problem: str) -> None:
    access.create_api_user(account, NOW, "taken", "long enough 1")
    with pytest.raises(access.AccessError, match=problem):
        access.create_api_user(account, NOW, username, password)


def test_disabling_takes_effect_at_once(account: Account, api: Caller) -> None:
    assert api("GET /v2/account-info").status_code == 200
    username = ApiUser.objects.get().username
    access.change_api_user(username, enabled=False)
    assert api("GET /v2/account-info").status_code == 401
    access.change_api_user(username, enabled=True)
    assert api("GET /v2/account-info").status_code == 200
    with pytest.raises(access.AccessError, match="there is no API user nobody"):
        access.change_api_user("nobody", enabled=False)


def test_a_new_password_takes_effect_at_once(account: Account, api: Caller) -> None:
    assert api("GET /v2/account-info").status_code == 200
    ApiUser.objects.update(password=hashers.make_password("another one 2"))
    assert api("GET /v2/account-info").status_code == 401


def test_the_slow_hash_is_computed_once(
    account: Account, api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    check = access.check_password
    monkeypatch.setattr(access, "check_password", lambda *given: calls.append(1) or check(*given))
    for _ in range(5):
        assert api("GET /v2/account-info").status_code == 200
    assert len(calls) == 1


def test_guessing_is_slowed_and_locks_nobody_out(account: Account) -> None:
    username, password = access.create_api_user(account, NOW)
    assert speaks_for(header(username, password), NOW) == account
    for guess in range(access.MOST_WRONG):
        assert access.authenticate(header(username, f"guess {guess}"), NOW) is None
    ApiUser.objects.update(password=hashers.make_password("new password 1"))
    assert access.authenticate(header(username, "new password 1"), NOW) is None
    ApiUser.objects.update(password=hashers.make_password(password))
    later = NOW + timedelta(seconds=61)
    assert speaks_for(header(username, password), later) == account


def test_a_client_that_was_in_stays_in_while_others_guess(account: Account) -> None:
    username, password = access.create_api_user(account, NOW)
    assert speaks_for(header(username, password), NOW) == account
    for guess in range(50):
        access.authenticate(header(username, f"guess {guess}"), NOW)
    assert speaks_for(header(username, password), NOW) == account


def test_there_is_one_account_by_default(db: None) -> None:
    made = access.default_account(NOW)
    assert made.name == "Usher"
    assert access.default_account(NOW) == made
    create_account("Another", NOW)
    assert access.default_account(NOW) == made
    assert [user.username for user in access.api_users(made)] == []
