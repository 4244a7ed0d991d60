"""Definitions through the API: put, looked at first, read, deleted, and what is refused."""

from __future__ import annotations

import base64
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from usher.engage import access
from usher.engage.models import Account, Audit, Campaign, ContactList, DataField, Preference, Program
from usher.lib import clock
from usher.sources import definitions as sources

pytestmark = pytest.mark.django_db
LOGIN = {"authorization": "Basic " + base64.b64encode(b"alice:correct-horse").decode()}
ACCOUNT = {"name": "Music shop", "from_address": "hello@musicshop.example.com"}
HELLO = {"subject": "Hi", "html": '<a href="http://$UNSUB$">x</a>', "text": "http://$UNSUB$"}


@pytest.fixture(autouse=True)
def alice() -> None:
    """Alice may log in."""
    User.objects.create_user("alice", password="correct-horse")


def ask(method: str, address: str, body: Any = None) -> tuple[int, Any]:
    sent = "" if body is None else json.dumps(body)
    answer = Client().generic(
        method.upper(), f"/api/definitions{address}", sent, "application/json", headers=LOGIN
    )
    return answer.status_code, answer.json() if answer.content else None


def put(address: str, body: Any, status: int = 201) -> Any:
    found, answer = ask("put", address, body)
    assert found == status, answer
    return answer


def test_everything_of_the_engine_is_defined_by_calls() -> None:
    assert put("/account", ACCOUNT, 200)["action"] == "updated"
    put("/data_fields/ORDERS", "numeric")
    put("/campaigns/Hello", HELLO)
    put("/programs/Welcome", {"status": "draft", "steps": [{"send": "Hello"}, {"end": "done"}]})
    put("/contact_lists/News", {"visibility": "public", "join_program": "Welcome"})
    put("/contact_segments/Buyers", "ORDERS > 1")
    put("/preferences/Music", {"kind": "category"})
    put("/preferences/Opera", {"category": "Music", "public": True})
    put("/forms/Sign up", {"list": "News", "title": "News", "consent": "Yes", "preferences": ["Opera"]})
    put("/api_users/shop@example.com", {"password": "correct horse 1", "permissions": ["read"]})
    for section, name in (
        ("data_fields", "ORDERS"),
        ("campaigns", "Hello"),
        ("programs", "Welcome"),
        ("contact_lists", "News"),
        ("contact_segments", "Buyers"),
        ("preferences", "Opera"),
        ("forms", "Sign up"),
    ):
        status, found = ask("get", f"/{section}/{name.lower()}")
        assert (status, found["section"], found["name"]) == (200, section, name)
        assert put(f"/{section}/{name}", found["body"], 200)["action"] == "unchanged"
    status, users = ask("get", "/api_users")
    assert (status, [one["name"] for one in users]) == (200, ["shop@example.com"])
    assert "password" not in users[0]["body"]


def test_a_password_that_a_call_sends_lets_the_user_in() -> None:
    put("/account", ACCOUNT, 200)
    put("/api_users/shop@example.com", {"password": "correct horse 1"})
    header = "Basic " + base64.b64encode(b"shop@example.com:correct horse 1").decode()
    assert access.authenticate(header, clock.now()) is not None
    answer = put("/api_users/shop@example.com", {"password": "correct horse 2"}, 200)
    assert answer["fields"] == ["password"]
    assert access.authenticate(header, clock.now()) is None


def test_looking_first_tells_what_would_change_and_keeps_nothing() -> None:
    put("/account", ACCOUNT, 200)
    answer = put("/data_fields/ORDERS?dry_run=true", "numeric", 200)
    assert (answer["action"], answer["dry_run"]) == ("created", True)
    assert not DataField.objects.filter(name="ORDERS").exists()
    put("/campaigns/Hello", HELLO)
    answer = put("/campaigns/Hello?dry_run=true", HELLO | {"subject": "Ho"}, 200)
    assert (answer["action"], answer["fields"]) == ("updated", ["subject"])
    assert Campaign.objects.get().subject == "Hi"


@pytest.mark.parametrize(
    ("address", "body", "status", "said"),
    [
        ("/campains/Hello", {}, 404, "did you mean “campaigns”?"),
        ("/campaigns/Hello", {**HELLO, "subjet": "x"}, 422, "subjet: Extra inputs are not permitted"),
        ("/campaigns/Hello", {"html": "x", "text": "y"}, 422, "subject: Field required"),
        ("/campaigns/Hello", {**HELLO, "html": "no way out"}, 409, "campaign “Hello”: "),
        ("/campaigns/Hello", {**HELLO, "subject": "a\0b"}, 422, "a NUL character"),
        ("/campaigns/ Hello", HELLO, 422, "no space around it"),
        (f"/campaigns/{'x' * 256}", HELLO, 422, "1 to 255 characters"),
        ("/campaigns/Hello?dryrun=true", HELLO, 422, "'dryrun' is not known here"),
        ("/campaigns", HELLO, 422, "name one"),
        ("/account/Mine", ACCOUNT, 422, "it has no name"),
        ("/campaigns/Hello", [1], 422, "the body is an object"),
        ("/campaigns/Hello", {**HELLO, "html": None, "html_file": "/etc/passwd"}, 409, "html_file: "),
        ("/api_users/a@example.com", {"password_env": "USHER_SECRET_KEY"}, 409, "password_env: "),
        ("/api_users/a@example.com", {"password": "short"}, 409, "8 or more characters"),
        ("/sources/shop", {"url": "duckdb:////etc/x"}, 409, "defined by files only"),
        ("/contact_segments/Buyers", "ODERS > 1", 409, "contact segment “Buyers”, rule: "),
        ("/data_fields/ORDERS", {"type": "numeric", "default": "many"}, 409, "data field “ORDERS”: "),
        ("/preferences/Opera", {"category": "Musik"}, 409, "category: there is no category “Musik”"),
    ],
)
def test_what_cannot_be_names_its_field_and_changes_nothing(
    address: str, body: Any, status: int, said: str
) -> None:
    put("/account", ACCOUNT, 200)
    found, answer = ask("put", address, body)
    assert (found, said in answer["detail"]) == (status, True), answer
    assert not Campaign.objects.exists()
    assert not Preference.objects.exists()


def test_what_something_needs_is_not_deleted() -> None:
    put("/account", ACCOUNT, 200)
    put("/data_fields/ORDERS", "numeric")
    put("/campaigns/Hello", HELLO)
    put("/programs/Welcome", {"steps": [{"send": "Hello"}, {"end": "done"}]})
    put("/data_fields/FIRSTNAME", {"type": "text", "default": "friend"}, 200)
    put("/contact_lists/News", {})
    put("/contact_segments/Buyers", 'ORDERS > 1 and audience("News")')
    for address, said in (
        ("/campaigns/Hello", "the program “Welcome”"),
        ("/data_fields/ORDERS", "the segment “Buyers”"),
        ("/data_fields/FIRSTNAME", "Every account has this"),
        ("/contact_lists/News", "the segment “Buyers”"),
        ("/programs/Welcome", "`status: draft`"),
        ("/account/x", "not deleted by a call"),
    ):
        status, answer = ask("delete", address)
        assert (status, said in answer["detail"]) == (409, True), answer
    for address in ("/contact_segments/buyers", "/contact_lists/News", "/data_fields/orders"):
        assert ask("delete", address) == (204, None)
    assert ask("delete", "/contact_lists/News")[0] == 404
    assert not ContactList.objects.exists()
    assert Program.objects.get().name == "Welcome"


def test_who_defined_it_stands_in_the_audit() -> None:
    put("/account", ACCOUNT, 200)
    put("/contact_lists/News", {})
    assert ask("delete", "/contact_lists/News")[0] == 204
    notes = Audit.objects.filter(kind__icontains="list").order_by("pk").values_list("by", "act")
    assert [by for by, _ in notes] == ["call alice", "call alice"]
    assert Account.objects.count() == 1


def test_sections_are_listed_and_nobody_reads_without_logging_in() -> None:
    status, sections = ask("get", "")
    assert status == 200
    assert {"section": "sources", "can_be_put": False, "single": False} in sections
    assert {"section": "account", "can_be_put": True, "single": True} in sections
    assert Client().get("/api/definitions").status_code == 401
    assert Client().put("/api/definitions/data_fields/A", '"text"').status_code == 401


@pytest.fixture
def shop(tmp_path: Path, settings: Any) -> None:
    """Customers of whom rules can speak."""
    settings.USHER_DATA_DIR = tmp_path / "var"
    settings.USHER_DATA_DIR.mkdir()
    (tmp_path / "customers.csv").write_text("id,email,country\n1,a@example.com,GB\n2,b@example.com,FR\n")
    table = {"file": "customers.csv", "key": "id", "email": "email", "subject": True}
    body = sources.SourceBody.model_validate({"files": True, "tables": {"customers": table}})
    sources.apply("sources", "shop", body, base_dir=tmp_path, by="alice", now=clock.now())


def test_audiences_with_rules_are_defined_by_calls(shop: None) -> None:
    put("/tag_groups/House", {"description": "Ours"})
    assert put("/segments/British", {"rule": 'country = "GB"'})["kind"] == "segment"
    put("/auto_tags/BRIT", {"rule": 'segment("British")', "group": "House"})
    put("/computed_fields/HOME", {"value": "country"})
    status, answer = ask("put", "/auto_tags/FR", {"rule": 'contry = "FR"'})
    assert (status, answer["detail"].startswith("auto tag “FR”, rule: ")) == (409, True)
    status, answer = ask("delete", "/segments/British")
    assert (status, "BRIT" in answer["detail"]) == (409, True)
    assert ask("delete", "/auto_tags/BRIT") == (204, None)
    assert ask("delete", "/segments/British") == (204, None)
    assert ask("delete", "/tag_groups/House") == (204, None)
    assert ask("delete", "/computed_fields/HOME") == (204, None)
    assert put("/evaluation", {"schedule": "06:00"})["action"] == "created"
    assert ask("get", "/evaluation")[1][0]["body"] == {"schedule": "0 6 * * *"}


def test_a_body_that_is_too_large_or_no_json_is_refused(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert ask("put", "/campaigns/Hello", HELLO | {"text": "x" * 2000})[0] == 413
    for sent in ("", "{", "[" * 900, "NaN", '"\\ud800"'):
        answer = Client().generic("PUT", "/api/definitions/campaigns/Hello", sent, headers=LOGIN)
        assert answer.status_code == 422, answer.content


def test_two_who_define_the_same_at_once_make_it_once(transactional_db: None) -> None:
    put("/account", ACCOUNT, 200)

    def define(_: int) -> int:
        try:
            return ask("put", "/contact_lists/News", {"visibility": "public"})[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as callers:
        statuses = Counter(callers.map(define, range(6)))
    assert statuses[201] == 1
    assert set(statuses) <= {200, 201, 409}
    assert ContactList.objects.get().visibility == "Public"
