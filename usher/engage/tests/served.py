"""A server as it is run, on the database of the tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection


@contextmanager
def served(folder: Path, workers: int = 2) -> Iterator[tuple[str, Path]]:
    """Its address, and its data directory, which is `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    database = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
        "USHER_DATA_DIR": str(folder),
        "USHER_PUBLIC_URL": f"http://localhost:{port}",
        "DJANGO_SETTINGS_MODULE": "usher.settings",
    }
    command = [sys.executable, "-W", "ignore", "-m", "usher.cli", "web", "--port", port]
    with subprocess.Popen([*command, "--workers", str(workers)], env=environment) as process:
        _wait_for(int(port))
        yield f"http://localhost:{port}", folder
        process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not start")
