from __future__ import annotations

import base64

import pytest
from django.contrib.auth.models import User
from django.test import Client

from usher.audiences.models import Audience, TagGroup

pytestmark = pytest.mark.django_db
READS = ("/api/audiences", "/api/syncs", "/api/programs", "/api/seeds/report")


@pytest.fixture
def alice() -> dict[str, str]:
    """Alice may log in; her Authorization header."""
    User.objects.create_user("alice", password="correct-horse")
    return {"authorization": "Basic " + base64.b64encode(b"alice:correct-horse").decode()}


@pytest.mark.parametrize("address", READS)
def test_nobody_reads_without_logging_in(address: str) -> None:
    assert Client().get(address).status_code == 401


@pytest.mark.parametrize("address", READS)
def test_whoever_logs_in_reads(address: str, alice: dict[str, str]) -> None:
    assert Client().get(address, headers=alice).status_code == 200


def test_a_wrong_password_is_refused(alice: dict[str, str]) -> None:
    wrong = {"authorization": "Basic " + base64.b64encode(b"alice:wrong").decode()}
    assert Client().get("/api/audiences", headers=wrong).status_code == 401


def test_who_guesses_passwords_is_kept_waiting_even_with_the_right_one(alice: dict[str, str]) -> None:
    wrong = {"authorization": "Basic " + base64.b64encode(b"alice:wrong").decode()}
    for _ in range(5):
        Client().get("/api/audiences", headers=wrong)
    assert Client().get("/api/audiences", headers=alice).status_code == 401


def test_an_audience_that_was_never_evaluated_says_so(alice: dict[str, str]) -> None:
    audience = Audience.objects.create(name="everybody", kind="customer_list", rule="email is set")
    answer = Client().get(f"/api/audiences/{audience.pk}/members", headers=alice)
    assert answer.status_code == 409
    assert "was not evaluated yet" in answer.json()["detail"]


def test_limits_are_checked_at_the_door(alice: dict[str, str]) -> None:
    audience = Audience.objects.create(name="everybody", kind="customer_list", rule="email is set")
    answer = Client().get(f"/api/audiences/{audience.pk}/members?limit=100000", headers=alice)
    assert answer.status_code == 422


def test_the_description_can_be_read_by_programs(alice: dict[str, str]) -> None:
    described = Client().get("/api/openapi.json", headers=alice).json()
    assert "/api/audiences/{audience_id}/members" in described["paths"]


@pytest.mark.parametrize(
    ("method", "address", "said"),
    [
        ("PUT", "/api/audiences", "PUT is not answered at /api/audiences, only GET, POST"),
        ("DELETE", "/api/syncs", "DELETE is not answered at /api/syncs, only GET"),
    ],
)
def test_a_method_that_is_not_known_is_refused_as_json(method: str, address: str, said: str) -> None:
    answer = Client().generic(method, address)
    assert (answer.status_code, answer.json()) == (405, {"detail": said})
    assert answer["Allow"] == said.rsplit("only ", 1)[1]


def test_a_session_without_its_token_changes_nothing(alice: dict[str, str]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get())
    answer = browser.post("/api/tag-groups", {"name": "Opera"}, content_type="application/json")
    assert answer.status_code == 403
    assert "X-CSRFToken" in answer.json()["detail"]
    assert not TagGroup.objects.exists()


def test_a_call_without_a_login_is_not_told_of_a_token() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/tag-groups", {}, content_type="application/json")
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


def test_what_is_not_there_is_named(alice: dict[str, str]) -> None:
    answer = Client().get("/api/audiences/7", headers=alice)
    assert (answer.status_code, answer.json()) == (404, {"detail": "there is nothing at /api/audiences/7"})
