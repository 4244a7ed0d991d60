"""The suite that every platform must pass, over Usher's own engine: our client tests our own server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from usher.destinations.tests import test_shared
from usher.destinations.tests.platforms import connect  # noqa: F401 - fixtures of the suite
from usher.engage.access import create_api_user, default_account
from usher.engage.imports.run import run as run_import
from usher.engage.models import Import
from usher.lib import clock


@pytest.fixture
def any_platform(live_server: Any, transactional_db: None) -> Iterator[SimpleNamespace]:
    """Usher's engine behind a real HTTP server, with somebody who does its imports."""
    username, password = create_api_user(default_account(clock.now()), clock.now())
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.03):
            for waiting in Import.objects.filter(state="NotFinished"):
                run_import(waiting.pk, clock.now())
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    yield SimpleNamespace(url=live_server.url, username=username, password=password)
    done.set()
    worker.join()


# each test of the suite that says "any platform" is collected here once more, with the fixture above
globals().update(
    {
        name: test
        for name, test in vars(test_shared).items()
        if name.startswith("test_") and "any_platform" in test.__code__.co_varnames
    }
)
