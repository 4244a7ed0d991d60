"""Pytest plugin: an embedded PostgreSQL of this run's own, before Django wakes up.

Under pytest-xdist the process that hands out the tests starts the server, and each worker has a database
of its own in it (pytest-django names it after the worker) and a data directory of its own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from hypothesis import settings

from usher.lib import postgres

# The same examples at every run: what is found by chance is looked for with more of them, on purpose.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

# Half a second for each login is meant to slow down those who guess; a test's password is not guessed.
PBKDF2PasswordHasher.iterations = 1

# What survives a loss of power is no test's subject; those that are killed keep what they wrote without it.
os.fsync = lambda _: None

_is_worker = "PYTEST_XDIST_WORKER" in os.environ
_root = Path(tempfile.mkdtemp(prefix="usher-test-"))
atexit.register(shutil.rmtree, _root, ignore_errors=True)

os.environ["USHER_MODE"] = "test"
os.environ["USHER_DATA_DIR"] = str(_root)
os.environ["USHER_SECRET_KEY"] = "only-for-tests"
for _name in (
    "USHER_CLOCK_FILE",
    "USHER_PUBLIC_URL",
    "USHER_SMTP_URL",
    "USHER_TIME_ZONE",
    "USHER_ALLOWED_HOSTS",
):
    os.environ.pop(_name, None)
# a worker inherits the address of the server that is there already
if not _is_worker:
    os.environ["DATABASE_URL"] = postgres.start(_root, tuning={"fsync": "off", "full_page_writes": "off"})


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders lie in this run's own.

    Pytest's common one is closed to other users whenever another run begins; for root the embedded server
    is such another user, and would lose its data from under it.
    """
    if not _is_worker and not config.option.basetemp:
        config.option.basetemp = str(_root / "tmp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers begin with what takes longest, so that none is left alone with it at the end."""
    if _is_worker:
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """The demo, whose tests share what one play made, is not torn apart: it is the very first."""
    marks = {mark.name for mark in item.iter_markers()}
    return next((place for place, name in enumerate(("demo", "browser", "long")) if name in marks), 3)


@pytest.fixture(autouse=True)
def _no_jobs_are_left(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """Tests that commit leave the jobs that they gave to workers: Django empties only tables of its own."""
    yield
    mark = request.node.get_closest_marker("django_db")
    if "transactional_db" in request.fixturenames or (mark and mark.kwargs.get("transaction")):
        from django.db import connection

        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("delete from procrastinate_jobs")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where workers run the tests, what fails is named at once; its story follows at the end."""
    if report.failed and hasattr(report, "node"):
        print(f"\n{report.when} of {report.nodeid} failed:\n{report.longreprtext[-1500:]}", flush=True)
