"""Syncs: the plan of a run, and letting a held one go ahead."""

from __future__ import annotations

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from usher.syncs.models import Run

pytestmark = pytest.mark.django_db


def held() -> Run:
    return Run.objects.exclude(approved_by="").first() or Run.objects.get(state=Run.State.HELD)


def path_of(run: Run) -> str:
    return f"/syncs/{run.sync_id}/runs/{run.pk}"


def test_it_shows_how_many_a_held_plan_would_remove_and_whom(house: None, page: Client) -> None:
    shown = page.get(path_of(held())).content.decode()
    assert "Approve: remove 48 people" in shown
    assert "It would remove 48 of the 118 people on the list" in shown
    assert "customer1@example.com" in shown


def test_it_lets_a_held_plan_go_ahead_with_a_reason(house: None, page: Client) -> None:
    run = held()
    answer = page.post(path_of(run) + "/approve", {"because": "the shop closed"}, follow=True)
    run.refresh_from_db()
    assert (run.state, run.approved_by, run.approved_because) == ("planned", "alice", "the shop closed")
    assert "Approved by alice" in answer.content.decode()
    job = ProcrastinateJob.objects.get(task_name="resume_run")
    assert job.args == {"run_id": run.pk}


def test_it_wants_a_reason(house: None, page: Client) -> None:
    run = held()
    answer = page.post(path_of(run) + "/approve", {"because": " "}, follow=True)
    run.refresh_from_db()
    assert run.state == "held"
    assert "Say why the plan may go ahead" in answer.content.decode()
    assert not ProcrastinateJob.objects.exists()


def test_it_approves_only_by_post(house: None, page: Client) -> None:
    assert page.get(path_of(held()) + "/approve").status_code == 405


def test_it_offers_no_approval_of_a_run_that_was_followed_by_another(house: None, page: Client) -> None:
    run = held()
    Run.objects.create(sync=run.sync, now=run.now, started_at=run.now, state=Run.State.DONE)
    assert "Approve" not in page.get(path_of(run)).content.decode()


def test_it_shows_what_the_platform_said(house: None, page: Client) -> None:
    done = Run.objects.get(state=Run.State.DONE)
    shown = page.get(path_of(done)).content.decode()
    assert "new 100 · updated 10" in shown
    assert "The people of this step are not kept any more" in shown


def test_it_stops_asking_when_a_run_has_ended(house: None, page: Client) -> None:
    run = held()
    ask = {"HX-Request": "true"}
    assert page.get(path_of(run), headers=ask).status_code == 286
    Run.objects.filter(pk=run.pk).update(state=Run.State.APPLYING)
    assert page.get(path_of(run), headers=ask).status_code == 200
    assert "every 2s" in page.get(path_of(run)).content.decode()
