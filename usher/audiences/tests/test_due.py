from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from usher.audiences.due import due, next_due
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience
from usher.audiences.tests.conftest import CUSTOMERS, NOW, Define

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def test_nothing_is_due_without_a_schedule() -> None:
    assert due(NOW) is None
    assert next_due(NOW) is None


def test_a_slot_is_due_until_it_is_done(buyers: Audience, define: Define) -> None:
    define("evaluation", schedule="06:00")
    assert due(NOW + 3 * MINUTE) == NOW
    assert evaluate(NOW + 3 * MINUTE, slot=NOW).now == NOW
    assert due(NOW + 4 * MINUTE) is None
    assert next_due(NOW) == NOW + timedelta(days=1)


def test_a_refused_slot_is_tried_again_a_quarter_of_an_hour_later(
    buyers: Audience, define: Define, shop: Path
) -> None:
    define("evaluation", schedule="06:00")
    (shop / "customers.csv").unlink()
    evaluate(NOW, slot=NOW)
    assert due(NOW + 10 * MINUTE) is None
    assert due(NOW + 16 * MINUTE) == NOW
    (shop / "customers.csv").write_text(CUSTOMERS)
    assert evaluate(NOW + 16 * MINUTE, slot=NOW).state == "done"
    assert due(NOW + 17 * MINUTE) is None


def test_the_hour_is_read_on_the_wall_of_the_organisation(define: Define, settings: Settings) -> None:
    define("evaluation", schedule="06:00")
    settings.TIME_ZONE = "Europe/Paris"
    summer = datetime(1998, 7, 1, 12, tzinfo=UTC)
    assert due(summer) == datetime(1998, 7, 1, 4, tzinfo=UTC)
