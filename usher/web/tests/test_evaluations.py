"""An evaluation asked for on a page or by the API: a worker does it, once, and expiries settle with it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from usher.audiences.models import Audience, Evaluation, EvaluationSchedule
from usher.work.tasks import evaluate_now

pytestmark = pytest.mark.django_db


def worked() -> None:
    """What a worker does with the one job that waits."""
    with connection.cursor() as cursor:
        waits = "task_name = 'audiences.evaluate_now' and status = 'todo'"
        cursor.execute(f"update procrastinate_jobs set status = 'doing' where {waits}")
        assert cursor.rowcount == 1
        evaluate_now()
        cursor.execute("update procrastinate_jobs set status = 'succeeded' where status = 'doing'")


def test_it_is_asked_for_seen_and_done(house: None, page: Client) -> None:
    assert "Nothing was evaluated yet" in page.get("/audiences").content.decode()
    for _ in range(2):
        assert page.post("/audiences/evaluation", {"next": "/audiences"}).headers["Location"] == "/audiences"
    assert "waits for a worker" in page.get("/audiences").content.decode()
    htmx: dict[str, Any] = {"HX-Request": "true"}
    assert "waits for a worker" in page.get("/audiences/evaluation", headers=htmx).content.decode()
    worked()
    assert Evaluation.objects.count() == 1
    assert page.get("/audiences/evaluation", headers=htmx).headers["HX-Refresh"] == "true"
    shown = page.get("/audiences").content.decode()
    assert "Evaluate now" in shown
    assert "Last evaluation: as of" in shown


def test_what_expired_is_settled_first(house: None, page: Client) -> None:
    staff = Audience.objects.get(name="STAFF")
    Audience.objects.filter(pk=staff.pk).update(expires_on=date(1997, 1, 1))
    page.post("/audiences/evaluation")
    worked()
    staff.refresh_from_db()
    assert staff.expired_at is not None


def test_the_api_asks_and_tells(house: None, page: Client) -> None:
    asked = page.post("/api/evaluations")
    assert asked.status_code == 202
    assert asked.json() == {"waiting": True, "running": False, "last": None}
    worked()
    state = page.get("/api/evaluations/state").json()
    assert (state["waiting"], state["running"], state["last"]["state"]) == (False, False, "done")
    assert [one["state"] for one in page.get("/api/evaluations").json()] == ["done"]


def test_it_goes_back_to_pages_of_its_own_only(house: None, page: Client) -> None:
    answer = page.post("/audiences/evaluation", {"next": "https://example.org/"})
    assert answer.headers["Location"] == "/audiences"


def test_without_a_schedule_the_page_says_what_to_write(house: None, page: Client) -> None:
    EvaluationSchedule.objects.all().delete()
    assert "evaluation: {schedule:" in page.get("/audiences").content.decode()
    EvaluationSchedule.objects.create(id=1, cron="30 3 * * *")
    shown = page.get("/audiences").content.decode()
    assert "worked out anew by the schedule" in shown
    assert "No schedule is defined" not in shown


def test_what_was_not_evaluated_offers_the_button_where_a_command_is_told(house: None, page: Client) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    staff = Audience.objects.get(name="STAFF")
    asked = [
        page.post(f"/audiences/{lapsed.pk}/freeze", {"name": "kept"}),
        page.get(f"/audiences/{lapsed.pk}/turns"),
        page.post(f"/audiences/{staff.pk}/people", {"way": "audience", "other": lapsed.pk, "sure": "yes"}),
        page.post(f"/audiences/{staff.pk}/people", {"way": "audience", "other": lapsed.pk}),
        page.get(f"/audiences/{lapsed.pk}/members.csv", follow=True),
    ]
    for answer in asked:
        shown = answer.content.decode()
        assert "not evaluated yet" in shown.lower()
        assert "Evaluate now" in shown
        assert "usher audiences evaluate" not in shown
