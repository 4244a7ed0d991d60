from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from usher.api.audiences import FreezeIn
from usher.audiences import tagging
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience, TagGroup
from usher.sources import definitions as sources

pytestmark = pytest.mark.django_db
NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)
Call = Callable[..., Any]


@pytest.fixture
def shop(tmp_path: Path, settings: Any) -> Path:
    """Alice, Bob and Carol, and Bob's address once more."""
    settings.USHER_DATA_DIR = tmp_path / "var"
    settings.USHER_DATA_DIR.mkdir()
    (tmp_path / "customers.csv").write_text(
        "id,email\n1,alice@example.com\n2,bob@example.com\n3,carol@example.com\n4,BOB@example.com\n"
    )
    table = {"file": "customers.csv", "key": "id", "email": "email", "subject": True}
    body = sources.SourceBody.model_validate({"files": True, "tables": {"customers": table}})
    sources.apply("sources", "shop", body, base_dir=tmp_path, by="alice", now=NOW)
    return tmp_path


@pytest.fixture
def call(shop: Path) -> Call:
    """Call the API as alice: method, path and body give status and JSON."""
    User.objects.create_user("alice", password="correct-horse")
    login = {"authorization": "Basic " + base64.b64encode(b"alice:correct-horse").decode()}

    def ask(method: str, path: str, body: Any = "", kind: str = "application/json") -> tuple[int, Any]:
        if isinstance(body, str):
            answer = Client().generic(method, f"/api{path}", body, content_type=kind, headers=login)
        else:
            answer = getattr(Client(), method.lower())(f"/api{path}", body, content_type=kind, headers=login)
        return answer.status_code, answer.json() if answer.content else None

    return ask


@pytest.fixture
def gala(call: Call) -> int:
    status, made = call(
        "POST", "/audiences", {"kind": "static_list", "name": "gala", "folder": "Events/ 2026"}
    )
    assert (status, made["folder"]) == (201, "Events/2026")
    return int(made["id"])


def told(outcome: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in outcome.items() if isinstance(value, int) and value}


def members(pk: int) -> list[str]:
    return tagging.current(Audience.objects.get(pk=pk))


def test_customers_are_put_in_by_key_and_by_address_and_taken_out_again(call: Call, gala: int) -> None:
    body = {"keys": [1, "9", ""], "emails": ["carol@example.com", "bob@example.com", "x@y.zz"]}
    status, outcome = call("POST", f"/audiences/{gala}/members?origin=spring", body)
    assert status == 200
    assert told(outcome) == {"read": 6, "matched": 2, "added": 2, "unknown": 2, "ambiguous": 1, "bad": 1}
    assert outcome["places"][2] == {
        "row": 5,
        "value": "bob@example.com",
        "state": "ambiguous",
        "reason": "2 customers have this address",
    }
    put = Audience.objects.get().assignments.get(key="1")
    assert (put.by, put.cause, put.origin) == ("alice", "api", "spring")
    assert told(call("DELETE", f"/audiences/{gala}/members", {"keys": ["1", "2"]})[1])["removed"] == 1
    assert members(gala) == ["3"]


def test_one_customer_is_put_in_and_taken_out(call: Call, gala: int) -> None:
    assert told(call("PUT", f"/audiences/{gala}/members/2")[1]) == {"read": 1, "matched": 1, "added": 1}
    assert call("PUT", f"/audiences/{gala}/members/carol@example.com?by=email")[0] == 200
    assert members(gala) == ["2", "3"]
    assert told(call("DELETE", f"/audiences/{gala}/members/2")[1])["removed"] == 1
    assert told(call("DELETE", f"/audiences/{gala}/members/2")[1]) == {"read": 1, "matched": 1, "same": 1}
    assert members(gala) == ["3"]


def test_a_dry_run_writes_nothing(call: Call, gala: int) -> None:
    assert told(call("POST", f"/audiences/{gala}/members?dry_run=true", {"keys": ["1"]})[1])["added"] == 1
    assert members(gala) == []


def test_keys_one_a_line_replace_all_members(call: Call, gala: int) -> None:
    call("POST", f"/audiences/{gala}/members", {"keys": ["1", "2"]})
    outcome = call("PUT", f"/audiences/{gala}/members", "2\r\n\n3\n", "text/plain")[1]
    assert told(outcome) == {"read": 2, "matched": 2, "added": 1, "removed": 1, "same": 1}
    assert told(call("POST", f"/audiences/{gala}/empty")[1]) == {"removed": 2}
    assert members(gala) == []


def test_a_file_is_taken_as_it_is(call: Call, gala: int) -> None:
    text = "Name,E-mail\nAlice,alice@example.com\nNobody,x@y.zz\n"
    outcome = call("POST", f"/audiences/{gala}/members?origin=gala.csv", text, "text/csv")[1]
    assert (outcome["column"], outcome["match"], outcome["places"][0]["row"]) == ("E-mail", "email", 3)
    assert Audience.objects.get().assignments.get().origin == "gala.csv"


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        ("{}", "application/json", 422, "say keys or emails"),
        ("[", "application/json", 422, "the body: "),
        ('{"key": ["1"]}', "application/json", 422, "key: "),
        ('{"keys": "1"}', "application/json", 422, "keys: "),
        ("1", "application/xml", 415, "send application/json, text/plain or text/csv"),
        ("name\nAlice\n", "text/csv", 409, "the file: no column is known"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_nobody_is_taken_out(
    call: Call, gala: int, body: str, kind: str, status: int, message: str
) -> None:
    call("POST", f"/audiences/{gala}/members", {"keys": ["1"]})
    for method in ("PUT", "DELETE"):
        answered, problem = call(method, f"/audiences/{gala}/members", body, kind)
        assert answered == status
        assert str(problem["detail"]).startswith(message)
    assert members(gala) == ["1"]


def test_json_that_is_too_big_says_what_to_send(call: Call, gala: int, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    status, problem = call("POST", f"/audiences/{gala}/members", {"keys": ["1" * 200]})
    assert (status, problem["detail"]) == (413, "JSON takes 16 MB; send more as text/plain, one key a line")


def test_another_system_keeps_an_external_audience(call: Call) -> None:
    pk = call("POST", "/audiences", {"kind": "external", "name": "app users", "owner": "the app"})[1]["id"]
    outcome = call("PUT", f"/audiences/{pk}/members", {"keys": ["1", "77"]})[1]
    assert told(outcome) == {"read": 2, "matched": 1, "added": 2, "unknown": 1}
    assert members(pk) == ["1", "77"]
    assert call("POST", "/audiences", {"kind": "external", "name": "App Users"})[0] == 409
    assert call("PATCH", f"/audiences/{pk}", {"name": "app people", "expires_on": "2030-01-01"})[0] == 200
    (found,) = call("GET", "/audiences?name=APP people")[1]
    assert (found["kind"], found["owner"], found["expires_on"]) == ("external", "the app", "2030-01-01")
    assert call("PATCH", f"/audiences/{pk}", {"never_expires": True})[1]["expires_on"] is None
    assert call("DELETE", f"/audiences/{pk}")[0] == 204
    assert call("GET", f"/audiences/{pk}")[0] == 404


def test_what_is_spoken_of_is_neither_renamed_nor_deleted(call: Call, gala: int) -> None:
    Audience.objects.create(name="guests", kind="customer_list", rule='audience("gala")')
    status, problem = call("PATCH", f"/audiences/{gala}", {"name": "ball"})
    assert (status, "customer list “guests”" in problem["detail"]) == (409, True)
    status, problem = call("DELETE", f"/audiences/{gala}")
    assert (status, "customer list “guests” (its rule)" in problem["detail"]) == (409, True)
    assert call("GET", f"/audiences/{gala}/uses")[1] == [
        {"kind": "customer list", "name": "guests", "how": "its rule"}
    ]


def test_members_of_another_audience_are_put_in_and_frozen(call: Call, gala: int) -> None:
    listed = Audience.objects.create(name="all", kind="customer_list", rule="id < 3")
    assert call("POST", f"/audiences/{gala}/members/of/{listed.pk}")[0] == 409
    evaluate(NOW)
    assert told(call("POST", f"/audiences/{gala}/members/of/{listed.pk}")[1])["added"] == 2
    status, frozen = call("POST", f"/audiences/{listed.pk}/freeze", {"name": "all of January"})
    assert (status, frozen["kind"], frozen["frozen_from"]) == (201, "frozen_list", "customer list “all”")
    assert members(frozen["id"]) == ["1", "2"]
    assert call("PUT", f"/audiences/{frozen['id']}/members/3")[0] == 409
    seen = call("GET", f"/audiences/{listed.pk}")[1]
    assert (seen["size"], seen["evaluated"][:10], seen["synced"]) == (2, "1998-01-01", None)


def test_audiences_are_found_by_text_kind_and_folder(call: Call, gala: int) -> None:
    Audience.objects.create(name="VIP", kind="tag", description="Guests of the gala", folder="Events")
    Audience.objects.create(name="old", kind="tag", folder="Eventsful")
    for asked, names in [
        ("search=GALA", {"gala", "VIP"}),
        ("search=gala&kind=tag", {"VIP"}),
        ("folder=Events", {"gala", "VIP"}),
        ("folder=Events/2026", {"gala"}),
    ]:
        assert {one["name"] for one in call("GET", f"/audiences?{asked}")[1]} == names


def test_tag_groups_are_listed_and_only_empty_ones_deleted(call: Call) -> None:
    house = TagGroup.objects.create(name="House", description="Ours")
    tag = Audience.objects.create(name="VIP", kind="tag", group=house)
    assert call("GET", "/tag-groups")[1] == [
        {"id": house.pk, "name": "House", "description": "Ours", "tags": ["VIP"]}
    ]
    assert call("DELETE", f"/tag-groups/{house.pk}")[0] == 409
    tag.delete()
    assert call("DELETE", f"/tag-groups/{house.pk}")[0] == 204


def test_nobody_writes_without_logging_in(gala: int) -> None:
    answer = Client().put(f"/api/audiences/{gala}/members/1")
    assert (answer.status_code, members(gala)) == (401, [])


@pytest.mark.parametrize(
    ("body", "kind"),
    [("id\n", "text/csv"), ('{"keys": []}', "application/json"), ("x\n", "text/plain")],
)
def test_nobody_is_left_only_where_that_is_confirmed(call: Call, gala: int, body: str, kind: str) -> None:
    call("POST", f"/audiences/{gala}/members", {"keys": ["1", "2"]})
    status, problem = call("PUT", f"/audiences/{gala}/members", body, kind)
    assert (status, members(gala)) == (422, ["1", "2"])
    assert "2 of 2 members would be taken out and 0 put in" in problem["detail"]
    assert told(call("PUT", f"/audiences/{gala}/members?dry_run=true", body, kind)[1])["removed"] == 2
    assert call("PUT", f"/audiences/{gala}/members?confirm=true", body, kind)[0] == 200
    assert members(gala) == []


def test_more_than_half_of_many_go_only_where_that_is_confirmed(call: Call, gala: int) -> None:
    audience = Audience.objects.get(pk=gala)
    tagging.tag(audience, ["1", "2", *map(str, range(100, 200))], by="bob", at=NOW, cause="user")
    assert call("PUT", f"/audiences/{gala}/members", {"keys": ["1", "2", "3"]})[0] == 422
    assert len(members(gala)) == 102
    outcome = call("PUT", f"/audiences/{gala}/members?confirm=true", {"keys": ["1", "2", "3"]})[1]
    assert (outcome["added"], outcome["removed"], members(gala)) == (1, 100, ["1", "2", "3"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "", {"kind": "tag", "name": "a\0b"}, 422, "name: Value error, it holds a control character"),
        ("POST", "", {"kind": "tag", "name": ""}, 409, "tag “”: a name has 1 to 60 characters"),
        ("POST", "", {"kind": "tag", "name": "x", "rule": "id < 3"}, 422, "rule: Extra inputs"),
        ("POST", "", {"kind": "tag", "name": "x", "expires_on": "2020-01-01"}, 409, "tag “x”, expires_on"),
        ("PATCH", "/{}", {"rule": "id < 3"}, 422, "rule: Extra inputs"),
        ("PATCH", "/{}", {"group": "House"}, 409, "static list “gala” is no tag"),
        ("GET", "?folder=%00", "", 422, "folder: Value error, it holds a control character"),
        ("GET", "?folder=Nope", "", 422, "there is no folder “Nope”; there are Events/2026"),
        ("GET", "?kind=foo", "", 422, "there is no kind “foo”; there are tag, auto_tag"),
        ("GET", "?kidn=tag", "", 422, "'kidn' is not known here; there are search, name"),
        ("GET", "/abc", "", 404, "there is nothing at /api/audiences/abc"),
        ("PUT", "/{}/members/99", "", 404, "99: no customer has this key"),
        ("PUT", "/{}/members/bob@example.com?by=email", "", 409, "bob@example.com: 2 customers"),
        ("PUT", "/{}/members/a%2Fb", "", 404, "a/b: no customer has this key"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(
    call: Call, gala: int, method: str, path: str, body: Any, status: int, message: str
) -> None:
    answered, problem = call(method, "/audiences" + path.format(gala), body)
    assert answered == status
    assert problem["detail"].startswith(message)


def test_a_tag_is_put_into_a_group_and_out_of_it(call: Call) -> None:
    TagGroup.objects.create(name="House")
    pk = call("POST", "/audiences", {"kind": "tag", "name": "VIP", "folder": "/a//b/../c/"})[1]["id"]
    changed = call("PATCH", f"/audiences/{pk}", {"group": "House"})[1]
    assert (changed["group"], changed["folder"]) == ("House", "a/b/c")
    assert call("PATCH", f"/audiences/{pk}", {"group": "Huose"})[0] == 409
    assert call("PATCH", f"/audiences/{pk}", {"group": ""})[1]["group"] is None


@pytest.mark.parametrize(
    ("given", "meant"),
    [("1998-01-01", "1998-01-01T06:00+01:00"), ("1998-07-01T09:00", "1998-07-01T09:00+02:00")],
)
def test_a_moment_without_a_zone_is_the_organisations(settings: Any, given: str, meant: str) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert FreezeIn(name="x", as_of=given).as_of == datetime.fromisoformat(meant)  # type: ignore[arg-type]
