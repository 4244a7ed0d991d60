"""Over HTTP, on a server of two processes: what an integration meets when things go wrong on purpose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from usher.engage import sandbox
from usher.engage.access import create_api_user
from usher.engage.accounts import create_account
from usher.engage.models import Account, ApiCall, ApiUser, Audit, Contact
from usher.engage.models.accounts import Scheme
from usher.engage.sandbox import Faults
from usher.engage.tests.conftest import NOW
from usher.engage.tests.served import served

PASSWORD = "correct horse 1"


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[str, Path]]:
    """The address of a server of two processes on the test's database, and its data directory."""
    with served(tmp_path_factory.mktemp("sandbox")) as found:
        yield found


@pytest.fixture
def account(transactional_db: None, server: tuple[str, Path], settings: Any) -> Account:
    settings.USHER_DATA_DIR = server[1]
    settings.USHER_PUBLIC_URL = server[0]
    account = create_account("Usher", NOW)
    create_api_user(account, NOW, "me", PASSWORD, scheme=Scheme.NONE)
    return account


@pytest.fixture
def http(server: tuple[str, Path]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server[0], auth=("me", PASSWORD), timeout=20) as client:
        yield client


def add(http: httpx.Client, name: str) -> httpx.Response:
    return http.post("/v2/contacts", json={"email": f"{name}@example.com"})


def test_lost_replies_are_of_work_that_was_done(account: Account, http: httpx.Client) -> None:
    sandbox.put(account, Faults(lost_replies=1), NOW)
    with pytest.raises(httpx.RemoteProtocolError):
        add(http, "alice")
    sandbox.put(account, None, NOW)
    assert [row["email"] for row in http.get("/v2/contacts").json()] == ["alice@example.com"]


def test_errors_are_of_calls_that_did_nothing(account: Account, http: httpx.Client) -> None:
    sandbox.put(account, Faults(errors=1), NOW)
    answer = add(http, "alice")
    assert (answer.status_code, answer.json()) == (500, {"message": "Error: ERROR_UNKNOWN"})
    assert not Contact.objects.exists()


def test_with_a_seed_the_same_calls_meet_the_same_faults(account: Account, http: httpx.Client) -> None:
    def meet(seed: int) -> list[int]:
        sandbox.put(account, Faults(errors=0.5, seed=seed), NOW)
        return [http.get("/v2/server-time").status_code for _ in range(12)]

    first = meet(7)
    assert set(first) == {200, 500}
    account.sandbox = {}  # the next setting is another moment's
    assert [sandbox.deal(account, Faults(errors=0.5, seed=7, begun=1)).fails for _ in range(12)] == [
        status == 500 for status in first
    ]
    assert meet(8) != first


def test_answers_are_late(account: Account, http: httpx.Client) -> None:
    sandbox.put(account, Faults(delay=(200, 300)), NOW)
    began = time.perf_counter()
    assert http.get("/v2/server-time").status_code == 200
    assert time.perf_counter() - began >= 0.2


def test_maintenance_and_limits_turn_calls_away(account: Account, http: httpx.Client) -> None:
    sandbox.put(account, Faults(maintenance=True), NOW)
    answer = http.get("/v2/account-info")
    assert answer.status_code == 503
    assert answer.json() == {"message": "Error: ERROR_SYSTEM_SERVICETEMPORARILYUNAVAILABLE"}
    sandbox.put(account, Faults(rate_limited=True), NOW)
    answer = add(http, "alice")
    assert answer.status_code == 429
    assert answer.headers["x-ratelimit-scope"] == "mediumCallRate"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert not Contact.objects.exists()


def test_who_is_in_the_wrong_region_finds_the_right_one(account: Account, http: httpx.Client) -> None:
    sandbox.put(account, Faults(wrong_region=True), NOW)
    refused = http.get("/v2/contacts")
    assert (refused.status_code, refused.json()) == (403, {"message": "Access is denied"})
    info = {one["name"]: one["value"] for one in http.get("/v2/account-info").json()["properties"]}
    endpoint = info["ApiEndpoint"].rstrip("/")
    assert endpoint == str(http.base_url).rstrip("/").replace("localhost", "127.0.0.1")
    assert http.get(f"{endpoint}/v2/contacts").status_code == 200
    sandbox.put(account, None, NOW)
    assert http.get("/v2/contacts").status_code == 200


def test_production_knows_no_faults(account: Account, settings: Any) -> None:
    sandbox.put(account, Faults(maintenance=True), NOW)
    assert sandbox.faults_of(account) is not None
    settings.USHER_MODE = "production"
    assert sandbox.faults_of(account) is None


def test_limits_hold_over_all_processes_and_connections(account: Account, server: tuple[str, Path]) -> None:
    ApiUser.objects.update(scheme=Scheme.FLAT)
    Account.objects.update(limits={"calls_an_hour": 40})

    def ask(_: int) -> int:
        return httpx.get(f"{server[0]}/v2/server-time", auth=("me", PASSWORD), timeout=20).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(ask, range(60)))
    assert statuses == [200] * 40 + [400] * 20


def test_calls_and_changes_are_on_record(account: Account, http: httpx.Client) -> None:
    add(http, "alice")
    for _ in range(100):
        if call := ApiCall.objects.first():
            break
        time.sleep(0.05)
    assert (call.method, call.path, call.status) == ("POST", "/v2/contacts", 201)
    assert Audit.objects.values_list("by", "kind", "act").get() == ("api me", "contact", "create")


def test_guesses_are_counted_over_all_processes_and_lock_nobody_out(
    account: Account, http: httpx.Client, server: tuple[str, Path]
) -> None:
    assert http.get("/v2/server-time").status_code == 200
    for guess in range(20):
        guessed = httpx.get(f"{server[0]}/v2/server-time", auth=("me", f"guess {guess}"), timeout=20)
        assert guessed.status_code == 401
    for _ in range(5):  # a new connection may be answered by either process
        answer = httpx.get(f"{server[0]}/v2/server-time", auth=("me", PASSWORD), timeout=20)
        assert answer.status_code == 200
