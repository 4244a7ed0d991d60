"""Programs: people at each step, and pause and resume with how many they touch."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.models import Program, ProgramVersion

pytestmark = pytest.mark.django_db


def program() -> Program:
    return Program.objects.get()


def test_it_draws_the_steps_with_their_people(house: None, page: Client) -> None:
    shown = page.get(f"/programs/{program().pk}").content.decode()
    for said in ("Every day at 07:00", "Wait 7 days", "36 here", "Clicked “We miss you”?", "No answer"):
        assert said in shown
    assert "48 people inside · 60 ever" in shown


def test_it_lists_those_who_stand_at_a_step_and_those_who_left(house: None, page: Client) -> None:
    people = f"/programs/{program().pk}/people"
    assert "36 rows" in page.get(people, {"at": "wait-7"}).content.decode()
    assert "12 rows" in page.get(people, {"left": "came back"}).content.decode()


def test_it_changes_nothing_before_it_was_confirmed(house: None, page: Client) -> None:
    shown = page.get(f"/programs/{program().pk}/pause").content.decode()
    assert "Pause for 48 people" in shown
    assert program().status == "Active"


def test_it_pauses_and_resumes(house: None, page: Client) -> None:
    page.post(f"/programs/{program().pk}/pause")
    assert program().status == "Deactivated"
    assert "Resume, 0 people move on" in page.get(f"/programs/{program().pk}/resume").content.decode()
    page.post(f"/programs/{program().pk}/resume")
    assert program().status == "Active"


def test_it_says_what_is_wrong_with_a_graph_that_cannot_run(house: None, page: Client) -> None:
    broken = {"start": {"first": "a"}, "nodes": {"a": {"kind": "wait", "days": 1, "next": "gone"}}}
    row = program()
    ProgramVersion.objects.create(program=row, number=2, graph=broken, created_at=row.created_at)
    shown = page.get(f"/programs/{row.pk}").content.decode()
    assert "This version cannot run." in shown
    assert "which is not there" in shown
