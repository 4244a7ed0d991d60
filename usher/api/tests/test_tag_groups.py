"""Tag groups through the API, and what it says of tags that cannot be synced."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from usher.audiences.models import Audience, TagGroup
from usher.destinations.models import Destination
from usher.syncs.models import Sync

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alice() -> None:
    """Alice may log in."""
    User.objects.create_user("alice", password="correct-horse")


def ask(method: str, address: str, body: Any = None) -> tuple[int, Any]:
    login = {"authorization": "Basic " + base64.b64encode(b"alice:correct-horse").decode()}
    client: Any = getattr(Client(), method)
    answer = client(f"/api/{address}", body, content_type="application/json", headers=login)
    return answer.status_code, answer.json() if answer.content else None


def test_a_group_is_made_and_written_anew() -> None:
    status, made = ask("post", "tag-groups", {"name": "Opera", "description": "Who hears"})
    assert status == 201
    assert made == {"id": made["id"], "name": "Opera", "description": "Who hears", "tags": []}
    assert ask("patch", f"tag-groups/{made['id']}", {"name": "Oper"})[1]["name"] == "Oper"
    status, changed = ask("patch", f"tag-groups/{made['id']}", {"description": ""})
    assert (status, changed["name"], changed["description"]) == (200, "Oper", "")
    assert ask("delete", f"tag-groups/{made['id']}") == (204, None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opera", "tag group “opera”: there is a tag group “Opera” already"),
        ("", "tag group “”: a name has 1 to 60 characters"),
        (" Opera", "tag group “ Opera”: a name does not begin or end with a space"),
    ],
)
def test_a_name_that_is_taken_or_none_is_refused(name: str, said: str) -> None:
    TagGroup.objects.create(name="Opera")
    other = TagGroup.objects.create(name="House")
    assert ask("post", "tag-groups", {"name": name}) == (409, {"detail": said})
    assert ask("patch", f"tag-groups/{other.pk}", {"name": name}) == (409, {"detail": said})


def test_a_group_changes_the_case_of_its_own_name() -> None:
    group = TagGroup.objects.create(name="opera")
    assert ask("patch", f"tag-groups/{group.pk}", {"name": "Opera"})[0] == 200


def test_a_field_that_is_not_known_is_refused() -> None:
    assert ask("post", "tag-groups", {"name": "Opera", "colour": "red"})[0] == 422


def test_a_group_that_a_sync_takes_keeps_its_name() -> None:
    group = TagGroup.objects.create(name="Opera")
    everybody = Audience.objects.create(name="everybody", kind="static_list")
    platform = Destination.objects.create(name="mailer", kind="dotdigital")
    Sync.objects.create(
        name="nightly",
        audience=everybody,
        destination=platform,
        tag_groups=["Opera"],
        defined_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    status, problem = ask("patch", f"tag-groups/{group.pk}", {"name": "Oper"})
    assert status == 409
    assert "is taken by that name by sync “nightly” (its tag_groups)" in problem["detail"]
    assert ask("patch", f"tag-groups/{group.pk}", {"description": "Who hears"})[0] == 200


def test_a_tag_that_cannot_be_synced_says_why() -> None:
    made = ask("post", "audiences", {"kind": "tag", "name": "Hears Verdi's operas"})[1]
    assert made["hints"] == [
        "more than 16 characters, small letters, spaces, characters such as ':"
        " cannot be synced to Dotdigital, where tags have at most 16 out of A-Z, 0-9 and _"
    ]
    assert ask("patch", f"audiences/{made['id']}", {"owner": "ann"})[1]["hints"] == made["hints"]
    assert ask("get", f"audiences/{made['id']}")[1]["hints"] == made["hints"]
    assert ask("post", "audiences", {"kind": "tag", "name": "OPERA_2026"})[1]["hints"] == []
    assert ask("post", "audiences", {"kind": "static_list", "name": "Hears Verdi's operas"})[1]["hints"] == []


def test_a_last_day_that_is_past_is_refused() -> None:
    asked = {"kind": "tag", "name": "OPERA", "expires_on": "2001-01-01"}
    status, problem = ask("post", "audiences", asked)
    assert (status, problem) == (
        409,
        {"detail": "tag “OPERA”, expires_on: 2001-01-01 is past; write a day to come, or none"},
    )
    kept = Audience.objects.create(kind="tag", name="OPERA", expires_on=date(2001, 1, 1))
    assert ask("patch", f"audiences/{kept.pk}", {"owner": "ann"})[0] == 200
