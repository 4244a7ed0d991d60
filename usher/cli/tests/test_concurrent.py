"""Two evaluations at once, each in a process of its own: one goes on from the other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from usher.audiences import definitions
from usher.audiences.bodies import CustomerListBody
from usher.audiences.evaluate import LOCK
from usher.audiences.models import Audience, Evaluation
from usher.audiences.published import page
from usher.sources import definitions as sources

NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)
ORDERS = "customer,ordered_on\n1,1997-12-05\n2,1997-12-31\n2,1998-01-05\n3,1998-01-05\n"


@pytest.fixture
def environment(tmp_path: Path, settings: Any, transactional_db: None) -> dict[str, str]:
    """What a command needs to find a shop with the list of everybody who ordered in the last 30 days."""
    settings.USHER_DATA_DIR = tmp_path / "var"
    settings.USHER_DATA_DIR.mkdir()
    rows = "".join(f"{key},c{key}@example.com\n" for key in range(1, 201))
    (tmp_path / "customers.csv").write_text(f"id,email\n{rows}")
    (tmp_path / "orders.csv").write_text(ORDERS)
    tables = {
        "customers": {"file": "customers.csv", "key": "id", "email": "email", "subject": True},
        "orders": {"file": "orders.csv", "key": "customer", "at": "ordered_on"},
    }
    body = sources.SourceBody.model_validate({"files": True, "tables": tables})
    sources.apply("sources", "shop", body, base_dir=tmp_path, by="alice", now=NOW)
    rule = CustomerListBody(rule="exists(orders where ordered_on within 30 days)")
    definitions.apply("customer_lists", "recent", rule, base_dir=tmp_path, by="alice", now=NOW)
    one = connection.get_connection_params()
    asked = "&".join(f"{name}={one[name]}" for name in ("host", "port", "user", "password") if one.get(name))
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql:///{one['dbname']}?{asked}",
        "USHER_DATA_DIR": str(settings.USHER_DATA_DIR),
    }


def evaluating(environment: dict[str, str], day: str) -> subprocess.Popen[str]:
    asked = [sys.executable, "-m", "usher.cli", "audiences", "evaluate", "--as-of", day]
    return subprocess.Popen(asked, env=environment, stderr=subprocess.PIPE, text=True)


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return int(cursor.fetchone()[0])


def wait_for(many: int) -> None:
    began = time.monotonic()
    while waiting() < many:
        assert time.monotonic() - began < 180, "it does not come to the lock"
        time.sleep(0.05)


def test_they_end_in_order_and_the_second_is_a_refresh_of_the_first(environment: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        # both are held at the door, so that they do want in at one time
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        first = evaluating(environment, "1998-01-01")
        wait_for(1)
        second = evaluating(environment, "1998-01-10")
        wait_for(2)
        assert Evaluation.objects.count() == 0
        cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    for one in (first, second):
        said = one.communicate(timeout=180)[1]
        assert one.returncode == 0, said
    runs = list(Evaluation.objects.order_by("number"))
    assert [(run.state, run.number, run.now.day) for run in runs] == [("done", 1, 1), ("done", 2, 10)]
    assert runs[0].full_because
    assert (runs[1].full_because, runs[1].affected) == ("", 3)
    recent = Audience.objects.get(name="recent")
    assert [(one.size, one.gained, one.lost) for one in recent.snapshots.order_by("evaluation__number")] == [
        (2, 2, 0),
        (2, 1, 1),
    ]
    assert [one.key for one in page(recent, "", 0, 10).members] == ["2", "3"]
