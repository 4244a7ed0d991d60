from __future__ import annotations

from collections.abc import Iterator

import httpx
import pyarrow as pa
import pytest

from usher.destinations.base import ListGoneError, Work
from usher.destinations.dotdigital.client import Dotdigital, calls_of
from usher.destinations.dotdigital.settings import DotdigitalSettings
from usher.destinations.tests import published
from usher.destinations.tests.platforms import Killed, Wire, connect
from usher.lib.http import OutsideError


@pytest.fixture
def account() -> Iterator[published.Published]:
    with published.serve() as served:
        yield served


def test_wrong_credentials_say_what_to_check(account: published.Published) -> None:
    account.password = "changed since"
    form = DotdigitalSettings(url=account.url, username=account.username, password="old")
    with Dotdigital(form) as platform, pytest.raises(OutsideError) as caught:
        platform.check()
    assert caught.value.message == (
        "127.0.0.1 does not accept the user name and password; check both, and that the API user is enabled"
    )
    assert (caught.value.retry, caught.value.status, caught.value.token) == (
        False,
        401,
        "ERROR_INVALID_LOGIN",
    )
    assert account.seen == ["GET /v2/account-info"]


def test_an_engine_that_is_not_running_says_what_to_check() -> None:
    with published.serve() as gone:
        pass
    with connect(gone) as platform, pytest.raises(OutsideError, match="check the address") as caught:
        platform.check()
    assert caught.value.retry


def test_it_goes_to_the_region_in_which_the_account_lives(account: published.Published) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.host}{request.url.path}")
        named = {"name": "ApiEndpoint", "type": "String", "value": "https://r3-api.dotdigital.com/"}
        return httpx.Response(
            200, json={"id": 7, "properties": [named]} if "account" in request.url.path else []
        )

    form = DotdigitalSettings(username="u", password="p")
    with Dotdigital(form, transport=httpx.MockTransport(answer)) as platform:
        platform.fields()
        platform.lists()
    assert asked == [
        "r1-api.dotdigital.com/v2/account-info",
        "r3-api.dotdigital.com/v2/data-fields",
        "r3-api.dotdigital.com/v2/address-books",
    ]


def test_another_server_is_not_asked_for_its_region(account: published.Published) -> None:
    with connect(account) as platform:
        platform.fields()
    assert account.seen == ["GET /v2/data-fields"]


def test_it_waits_for_the_window_instead_of_being_turned_away(account: published.Published) -> None:
    account.limit, account.window = 3, 0.2
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        account._window_ends = 0  # the window is renewed while we sleep

    with connect(account, sleep=sleep) as platform:
        for _ in range(8):
            platform.fields()
    assert account.turned_away == 0
    assert len(waits) == 2
    assert all(0 < wait < 3 for wait in waits)


def test_a_429_that_could_not_be_foreseen_is_waited_out(account: published.Published) -> None:
    account.limit, account.window = 1, 0.2
    with connect(account) as first:
        first.fields()

    def sleep(seconds: float) -> None:
        account._window_ends = 0

    with connect(account, sleep=sleep) as platform:
        assert platform.fields()["FIRSTNAME"] == "text"
    assert account.turned_away == 1


def test_a_list_is_found_on_a_later_page(account: published.Published) -> None:
    account.lists = {n: {"id": n, "name": f"List {n}", "members": set()} for n in range(1, 1501)}
    with connect(account) as platform:
        assert platform.ensure_list("LIST 1400") == "1400"
        assert len(platform.lists()) == 1500


def test_reading_a_list_for_removal_stops_when_everybody_is_found(account: published.Published) -> None:
    calls: list[str] = []
    with connect(account, on_call=calls.append) as platform:
        list_id = platform.ensure_list("long")
        members = account.lists[int(list_id)]["members"]
        account.contacts = {
            n: {"id": n, "email": f"c{n}@x.io", "status": "Subscribed", "fields": {}} for n in range(2500)
        }
        members |= set(account.contacts)
        calls.clear()
        platform.remove(list_id, [f"c{n}@x.io" for n in range(10)], list_size=2500)
        assert calls == ["list contacts", "remove"]
        calls.clear()
        platform.remove(list_id, ["c2000@x.io"], list_size=2500)
        assert calls == ["look up contact", "remove"]
    assert len(members) == 2489


def test_calls_are_foreseen_as_they_are_made() -> None:
    assert calls_of(Work()) == {}
    assert calls_of(Work(removals=25, list_size=23_570)) == {
        "list contacts": 24,
        "remove": 1,
        "removal status": 1,
    }
    assert calls_of(Work(removals=24, list_size=23_570)) == {
        "look up contact": 24,
        "remove": 1,
        "removal status": 1,
    }


def test_a_list_that_is_gone_is_an_error_of_its_own(account: published.Published) -> None:
    with connect(account) as platform, pytest.raises(ListGoneError):
        platform.start_import("999", pa.table({"email": ["a@x.io"]}))


def test_a_single_add_is_never_repeated_after_a_lost_answer(account: published.Published) -> None:
    with connect(account) as platform:
        list_id = platform.ensure_list("joiners")
    wire = Wire(0, when="after", by=httpx.ReadError)
    with connect(account, transport=wire) as platform, pytest.raises(OutsideError) as caught:
        platform.add_one(list_id, "ann@x.io", {})
    assert caught.value.retry
    assert account.joined == ["ann@x.io"]
    assert account.seen.count(f"POST /v2/address-books/{list_id}/contacts") == 1


def test_a_platform_without_traces_gives_none(account: published.Published) -> None:
    with connect(account) as platform:
        assert platform.trace("ann@x.io") is None


def test_being_killed_is_nobodys_to_catch(account: published.Published) -> None:
    with connect(account, transport=Wire(0)) as platform, pytest.raises(Killed):
        platform.check()
