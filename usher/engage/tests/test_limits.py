from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from usher.engage.access import create_api_user
from usher.engage.api import limits, manner
from usher.engage.api.declared import declared
from usher.engage.models import Account, ApiUser
from usher.engage.models.accounts import Scheme
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

LOW = declared("GET", "/v2/contacts")


@pytest.fixture(autouse=True)
def _counts_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.USHER_DATA_DIR = tmp_path


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The moment that the server reads; put another one in."""
    moments = [NOW]
    monkeypatch.setattr(manner.clock, "now", lambda: moments[0])
    return moments


def caller(account: Account, **more: Any) -> Caller:
    return Caller(*create_api_user(account, NOW, **more))


def test_published_operations_have_the_tier_and_the_permission_that_is_written_down() -> None:
    ids = {"email": "a@b.co", "contactEmail": "a@b.co", "status": "Processing", "enrolmentId": "0" * 32}
    found = {}
    for line in Path(manner.__file__).with_name("published.txt").read_text("ascii").splitlines():
        method, template = line.split()
        path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "7"), template)
        permission, tier, is_counted = declared(method, path)
        found[line] = f"{line} {permission} {tier}{'' if is_counted else ' uncounted'}"
    written = Path(__file__).with_name("declared.txt").read_text("ascii").splitlines()
    assert len(written) > 150
    assert [found[" ".join(line.split()[:2])] for line in written] == written


def test_the_headers_of_a_reply_say_what_is_left(account: Account, clock: list[datetime]) -> None:
    account.limits = {"high_calls": 3}
    account.save()
    api = caller(account)
    answer = api("GET /v2/account-info")
    assert {name: answer[name] for name in answer.headers if name.startswith("X-RateLimit")} == {
        "X-RateLimit-Limit": "3",
        "X-RateLimit-Remaining": "2",
        "X-RateLimit-Reset": str(int(NOW.timestamp()) + 60),
        "X-RateLimit-Scope": "highCallRate",
    }
    assert "Retry-After" not in answer


def test_over_the_limit_of_a_tier_calls_are_refused_until_the_minute_ends(
    account: Account, clock: list[datetime]
) -> None:
    account.limits = {"low_calls": 2}
    account.save()
    api = caller(account)
    assert [api("GET /v2/contacts").status_code for _ in range(2)] == [200, 200]
    clock[0] = NOW + timedelta(seconds=42)
    refused = api("GET /v2/contacts")
    assert refused.status_code == 429
    assert refused.json() == {
        "message": "More than 2 calls of lowCallRate within a minute. ERROR_APIUSAGE_EXCEEDED"
    }
    assert (refused["X-RateLimit-Remaining"], refused["Retry-After"]) == ("0", "18")
    assert api("GET /v2/account-info").status_code == 200
    clock[0] = NOW + timedelta(seconds=60)
    assert api("GET /v2/contacts").status_code == 200


def test_all_users_of_an_account_share_its_limits_and_other_accounts_do_not(
    account: Account, clock: list[datetime], other: Caller
) -> None:
    account.limits = {"low_calls": 2}
    account.save()
    one, another = caller(account), caller(account)
    assert one("GET /v2/contacts").status_code == 200
    assert another("GET /v2/contacts").status_code == 200
    assert one("GET /v2/contacts").status_code == 429
    assert other("GET /v2/contacts").status_code == 200


def test_version_3_says_that_it_may_be_tried_again(account: Account, clock: list[datetime]) -> None:
    account.limits = {"low_calls": 0}
    account.save()
    refused = caller(account)("GET /contacts/v3/")
    assert (refused.status_code, refused.json()["errorCode"]) == (429, "contacts:rateLimitExceeded")


def test_sends_and_polls_are_not_limited(account: Account, clock: list[datetime]) -> None:
    account.limits = {"low_calls": 0, "medium_calls": 0, "high_calls": 0}
    account.save()
    api = caller(account)
    for line in ("POST /v2/email", "POST /v2/campaigns/send", "GET /v2/contacts/import/7"):
        answer = api(line, {})
        assert answer.status_code != 429
        assert "X-RateLimit-Limit" not in answer


def test_the_usual_limits_are_those_of_the_basic_package(account: Account, clock: list[datetime]) -> None:
    api = caller(account)
    assert api("GET /v2/contacts")["X-RateLimit-Limit"] == "35"
    assert api("POST /v2/contacts", {})["X-RateLimit-Limit"] == "150"
    assert api("GET /v2/account-info")["X-RateLimit-Limit"] == "300"


def test_the_flat_scheme_counts_calls_of_the_last_hour(account: Account, clock: list[datetime]) -> None:
    account.limits = {"calls_an_hour": 3}
    account.save()
    api = caller(account, scheme=Scheme.FLAT)
    assert api("GET /v2/contacts").status_code == 200
    clock[0] = NOW + timedelta(minutes=30)
    info = {one["name"]: one["value"] for one in api.json("GET /v2/account-info")["properties"]}
    assert (info["ApiCallsInLastHour"], info["ApiCallsRemaining"]) == ("2", "1")
    assert "X-RateLimit-Limit" not in api("GET /v2/contacts")
    assert api.error("GET /v2/contacts") == (
        400,
        "More than 3 calls within an hour. ERROR_APIUSAGE_EXCEEDED",
    )
    assert api("POST /v2/email", {}).status_code != 429
    clock[0] = NOW + timedelta(minutes=60)
    assert api("GET /v2/contacts").status_code == 200
    assert api("GET /v2/contacts").status_code == 400


def test_users_without_a_scheme_and_usher_itself_are_not_limited(
    account: Account, clock: list[datetime]
) -> None:
    account.limits = {"low_calls": 0}
    account.save()
    free, tiered = caller(account, scheme=Scheme.NONE), caller(account)
    assert free("GET /v2/contacts").status_code == 200
    assert tiered("GET /v2/contacts", HTTP_USER_AGENT="usher/1").status_code == 200
    for elsewhere in (
        {"HTTP_USER_AGENT": "usher/1", "REMOTE_ADDR": "192.0.2.1"},
        {"HTTP_USER_AGENT": "usher/1", "REMOTE_ADDR": ""},
        {"HTTP_USER_AGENT": "usher/1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"},
        {"HTTP_USER_AGENT": "curl/8"},
    ):
        assert tiered("GET /v2/contacts", **elsewhere).status_code == 429
    account.limits = {"low_calls": 0, "own_calls": 1}
    account.save()
    assert tiered("GET /v2/contacts", HTTP_USER_AGENT="usher/1").status_code == 429


def test_no_call_too_many_gets_through_at_once(account: Account) -> None:
    account.limits = {"low_calls": 50}

    def ask(_: int) -> bool:
        try:
            limits.count(account, Scheme.TIERED, LOW, NOW)
        except limits.TooManyCallsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(200))) == 50


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        (["read"], {"read"}),
        (["read", "write"], {"read", "write"}),
        (["send"], {"send"}),
        ([], set()),
    ],
)
def test_a_user_may_do_what_it_was_permitted(account: Account, permissions: list[str], may: set[str]) -> None:
    api = caller(account, permissions=permissions, scheme=Scheme.NONE)
    tried = {
        "read": "GET /v2/contacts",
        "write": "POST /v2/address-books",
        "send": "POST /v2/programs/enrolments",
    }
    for permission, line in tried.items():
        status, message = (answer := api(line, {})).status_code, answer.content.decode()
        if permission in may:
            assert status != 403, line
        else:
            assert status == 403
            assert f"This API user may not {permission}. ERROR_FEATURENOTACTIVE" in message
    assert ApiUser.objects.get(username__startswith="apiuser-").permissions == permissions
