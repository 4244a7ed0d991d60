"""Over HTTP, on a server as it is run, with the signer of requests-oauthlib."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from requests_oauthlib import OAuth1

from usher.engage.accounts import create_account
from usher.engage.models import Account, Membership
from usher.engage.spotler_keys import create_key
from usher.engage.tests.served import served

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY, SECRET = "the-key", "a secret of some length"


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[str, Path]]:
    with served(tmp_path_factory.mktemp("spotler"), workers=1) as found:
        yield found


@pytest.fixture
def account(transactional_db: None, server: tuple[str, Path]) -> Account:
    account = create_account("Usher", NOW)
    create_key(account, NOW, KEY, SECRET)
    return account


def test_a_whole_synchronisation_over_http(account: Account, server: tuple[str, Path]) -> None:
    base = f"{server[0]}/integrationservice"
    http = requests.Session()
    http.auth = OAuth1(KEY, SECRET)
    name = "ma liste d’été (2)"
    made = http.post(f"{base}/audience/", json={"externalId": name, "name": "Été"})
    assert made.status_code == 200, made.text
    people = [{"externalId": f"c {n}", "properties": {"email": f"c{n}@example.net"}} for n in range(5)]
    answer = http.post(f"{base}/contact/list", json={"update": True, "contacts": people})
    assert [row["code"] for row in answer.json()] == ["OK"] * 5
    path = f"{base}/audience/{quote(name)}"
    ids = [row["externalId"] for row in people]
    missing = http.post(f"{path}/contact", json={"contacts": [*ids, "nobody"]})
    assert (missing.status_code, missing.json()["externalContactIds"]) == (404, ["nobody"])
    assert http.post(f"{path}/contact", json={"contacts": ids}).status_code == 204
    assert http.delete(f"{path}/contact", json={"contacts": ids[:2]}).status_code == 204
    assert sorted(_members(account)) == ["c 2", "c 3", "c 4"]
    assert http.get(path).json()["lastSyncDate"] is not None
    assert http.get(f"{base}/contact/{quote('c 3')}").json()["properties"] == {"email": "c3@example.net"}
    found = http.get(
        f"{base}/contact/search", params={"MPSearchQuery": "email=c1@example.net", "pageSize": 5}
    )
    assert [row["externalId"] for row in found.json()["contacts"]] == ["c 1"]
    assert http.delete(f"{path}/contact").status_code == 204
    assert _members(account) == []
    assert http.delete(path).status_code == 204
    wrong = requests.get(path, auth=OAuth1(KEY, "a secret that is another"))
    assert wrong.status_code == 403


def _members(account: Account) -> list[str]:
    rows = Membership.objects.filter(list__account=account)
    return list(rows.values_list("contact__external_id", flat=True))
