"""Sources: schema, links, problems with their places, and what was refused and let through once."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from usher.audiences import evaluate
from usher.sources.models import Acceptance, Table
from usher.web.tests import scene

pytestmark = pytest.mark.django_db


def read(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_it_shows_columns_places_and_how_tables_hang_together(house: None, page: Client) -> None:
    page.post("/sources/check")
    shown = read(page.get("/sources"))
    assert "3 columns" in shown
    assert "“no address” is not an e-mail address" in shown
    assert "customers.csv, row 120, email" in shown
    assert '<b>orders</b><span class="arrow"><code>customer_id</code></span><b>customers</b>' in shown


def test_what_is_refused_is_let_through_once_with_a_reason(shop: None, page: Client) -> None:
    orders = Table.objects.get(name="orders")
    Path(orders.location).write_text("customer_id,ordered_on,total\n1,1998-02-10,1.50\n", "utf-8")
    assert evaluate.evaluate(scene.NOW).state == "refused"
    shown = read(page.get("/sources"))
    assert "orders is refused:" in shown
    assert "when it was last used" in shown
    path = f"/sources/tables/{orders.pk}/accept"
    assert "Say why it is right" in read(page.post(path, {"guard": "shrunk", "reason": " "}, follow=True))
    assert not Acceptance.objects.exists()
    shown = read(page.post(path, {"guard": "shrunk", "reason": "A new shop"}, follow=True))
    assert "orders is let through at the next evaluation: alice" in shown
    assert "“A new shop”" in shown
    assert "orders is refused:" not in shown
    assert evaluate.evaluate(scene.NOW + scene.HOUR).state == "done"
    assert "let through at the next" not in read(page.get("/sources"))


def test_what_is_not_refused_is_not_accepted(shop: None, page: Client) -> None:
    orders = Table.objects.get(name="orders")
    given = {"guard": "empty", "reason": "because"}
    assert "not refused any more" in read(
        page.post(f"/sources/tables/{orders.pk}/accept", given, follow=True)
    )
    assert not Acceptance.objects.exists()


def test_rows_that_are_used_are_not_said_to_be_left_out(house: None, page: Client) -> None:
    page.post("/sources/check")
    customers = Table.objects.get(name="customers")
    assert {one["kind"] for one in customers.problems} <= {"missing_addresses", "bad_addresses"}
    shown = read(page.get("/sources"))
    assert "read, with remarks" in shown
    assert "rows left out" not in shown
    assert "was read, with remarks" in read(page.get("/"))
