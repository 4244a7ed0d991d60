"""API users: made with a secret shown once, changed, and what they called."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client

from usher.engage import sandbox
from usher.engage.api import limits
from usher.engage.api.declared import LOW, Declared
from usher.engage.models import Account, ApiCall, ApiUser, Audit
from usher.engage.models.accounts import Permission, Scheme
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db
MADE = {"username": "shop@example.com", "permissions": ["read", "write"], "scheme": "tiered"}


@pytest.fixture
def of(db: None) -> Account:
    return Account.objects.create(name="Music shop", created_at=NOW)


def called(of: Account, user: ApiUser | None, line: str, status: int = 200, **more: Any) -> ApiCall:
    method, path = line.split(" ", 1)
    values = {"at": NOW, "milliseconds": 12} | more
    return ApiCall.objects.create(account=of, user=user, method=method, path=path, status=status, **values)


def test_it_shows_the_password_of_a_new_user_once(of: Account, page: Client) -> None:
    shown = page.post("/apiusers/new", MADE)
    user = ApiUser.objects.get()
    secret = shown.context["secret"]
    assert secret in shown.content.decode()
    assert check_password(secret, user.password)
    assert user.permissions == ["read", "write"]
    assert secret not in page.get(f"/apiusers/{user.pk}").content.decode()
    note = Audit.objects.get(kind="API user")
    assert (note.by, note.act) == ("page alice", "create")
    assert secret not in str(note.after)
    assert "exists already" in page.post("/apiusers/new", MADE).content.decode()


def test_it_disables_a_user_and_takes_a_permission(of: Account, page: Client) -> None:
    page.post("/apiusers/new", MADE)
    user = ApiUser.objects.get()
    page.post(f"/apiusers/{user.pk}", {"permissions": ["read"], "scheme": "flat"})
    user.refresh_from_db()
    assert (user.enabled, user.permissions, user.scheme) == (False, ["read"], "flat")
    assert "disabled" in page.get("/apiusers").content.decode()
    page.post(f"/apiusers/{user.pk}", {"scheme": "flat"})
    user.refresh_from_db()
    assert user.permissions == ["read"]


def test_a_new_password_ends_the_old_one(of: Account, page: Client) -> None:
    old = page.post("/apiusers/new", MADE).context["secret"]
    user = ApiUser.objects.get()
    new = page.post(f"/apiusers/{user.pk}/password").context["secret"]
    user.refresh_from_db()
    assert check_password(new, user.password)
    assert not check_password(old, user.password)
    assert page.get(f"/apiusers/{user.pk}/password").status_code == 405


def test_it_counts_the_calls_of_the_hour_by_tier(of: Account, page: Client) -> None:
    page.post("/apiusers/new", MADE)
    user = ApiUser.objects.get()
    called(of, user, "GET /v2/contacts/12")
    called(of, user, "GET /v2/contacts/ann@example.com?x=1")
    called(of, user, "GET /v2/contacts?select=5", status=429)
    called(of, user, "POST /v2/contacts", at=NOW - timedelta(minutes=59))
    called(of, user, "POST /v2/contacts", at=NOW - timedelta(minutes=61))
    ((_, used),) = page.get("/apiusers").context["rows"]
    assert (used.by_tier(), used.calls, used.errors) == ([("low", 1), ("medium", 1), ("high", 2)], 4, 1)


def test_it_shows_calls_newest_first_and_errors_only(of: Account, page: Client) -> None:
    for number in range(60):
        called(of, None, f"GET /v2/contacts/{number}", at=NOW - timedelta(seconds=number // 2))
    wrong = called(of, None, "POST /v2/contacts", 400, token="ERROR_INVALID_EMAIL", sent='{"email": "it\'s"}')
    first = page.get("/apiusers/calls")
    second = page.get("/apiusers/calls", {"after": first.context["rows"].after})
    seen = [row.pk for row in (*first.context["rows"].rows, *second.context["rows"].rows)]
    assert len(seen) == len(set(seen)) == 61
    only = page.get("/apiusers/calls", {"errors": "on"})
    assert [row.pk for row in only.context["rows"].rows] == [wrong.pk]
    shown = page.get(f"/apiusers/calls/{wrong.pk}").content.decode()
    assert "curl -X POST -u USER:PASSWORD" in shown
    assert "ERROR_INVALID_EMAIL" in shown


def test_calls_of_another_account_are_not_there(of: Account, page: Client) -> None:
    other = Account.objects.create(name="Other", created_at=NOW)
    row = called(other, None, "GET /v2/contacts")
    assert page.get(f"/apiusers/calls/{row.pk}").status_code == 404
    assert page.get("/apiusers/calls").context["rows"].rows == []


def test_it_draws_how_near_the_limits_were(of: Account, page: Client, settings: Any, tmp_path: Path) -> None:
    settings.USHER_DATA_DIR = tmp_path
    Account.objects.update(limits={"low_calls": 10})
    of.refresh_from_db()
    for minutes, calls in ((0, 3), (20, 9), (70, 10)):
        for _ in range(calls):
            limits.count(of, Scheme.TIERED, Declared(Permission.READ, LOW), NOW - timedelta(minutes=minutes))
    called(of, None, "POST /v2/contacts/import", 429)
    shown = page.get("/apiusers")
    low, *_ = shown.context["pulse"].meters
    assert (low.name, low.allowed, low.now, low.peak, low.tone) == ("low", 10, 3, 9, "warn")
    assert shown.context["pulse"].chart["ys"][0][-21] == 9
    assert "9 of 10 at most · 3 this minute" in shown.content.decode()
    assert "1 call was refused by a limit." in shown.content.decode()


def test_it_finds_calls_by_path_and_error(of: Account, page: Client) -> None:
    called(of, None, "GET /v2/contacts/12")
    wrong = called(of, None, "POST /v2/contacts", 400, token="ERROR_INVALID_EMAIL", sent='{"email":"x"}')
    for text in ("invalid_email", "post"):
        assert [row.pk for row in page.get("/apiusers/calls", {"q": text}).context["rows"].rows] == [wrong.pk]
    assert "No such call." in page.get("/apiusers/calls", {"q": "nowhere"}).content.decode()
    shown = page.get(f"/apiusers/calls/{wrong.pk}").content.decode()
    assert "{\n  &quot;email&quot;: &quot;x&quot;\n}" in shown


def test_faults_are_seen_and_taken_away(of: Account, page: Client) -> None:
    sandbox.put(of, sandbox.Faults.model_validate({"errors": 0.1, "maintenance": True}), NOW)
    for path in ("/apiusers", "/apiusers/calls"):
        shown = page.get(path).content.decode()
        assert "10% of the calls are answered with 500" in shown
        assert "maintenance: everything is answered with 503" in shown
    assert "faults</span>" in page.get("/").content.decode()
    shown = page.post("/apiusers/faultless", follow=True).content.decode()
    assert "as well as it can again" in shown
    assert "on purpose" not in shown
    of.refresh_from_db()
    assert of.sandbox == {}
    assert Audit.objects.get(kind="account").by == "page alice"


def test_in_production_no_faults_are_told_of(of: Account, page: Client, settings: Any) -> None:
    sandbox.put(of, sandbox.Faults.model_validate({"errors": 0.1}), NOW)
    settings.USHER_MODE = "production"
    assert "on purpose" not in page.get("/apiusers").content.decode()
