"""Bodies as a real server hands them on: the test client reads them in its own way."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

import usher
from usher.audiences import tagging
from usher.audiences.models import Audience
from usher.sources import definitions as sources

NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)
LOGIN = "Basic " + base64.b64encode(b"alice:correct-horse").decode()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def port(tmp_path: Path, settings: Any, transactional_db: None) -> Iterator[int]:
    """Where `usher web` answers, on the database of the tests."""
    settings.USHER_DATA_DIR = tmp_path / "var"
    settings.USHER_DATA_DIR.mkdir()
    rows = "".join(f"{key},c{key}@example.com\n" for key in range(1, 3001))
    (tmp_path / "customers.csv").write_text(f"id,email\n{rows}")
    table = {"file": "customers.csv", "key": "id", "email": "email", "subject": True}
    body = sources.SourceBody.model_validate({"files": True, "tables": {"customers": table}})
    sources.apply("sources", "shop", body, base_dir=tmp_path, by="alice", now=NOW)
    User.objects.create_user("alice", password="correct-horse")
    one = connection.get_connection_params()
    database = f"postgresql:///{one['dbname']}?" + "&".join(
        f"{name}={one[name]}" for name in ("host", "port", "user", "password") if one.get(name)
    )
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "usher.cli", "web", "--port", str(port)],
        env=os.environ | {"DATABASE_URL": database, "USHER_DATA_DIR": str(settings.USHER_DATA_DIR)},
        cwd=Path(usher.__path__[0]).parent,
    )
    try:
        _wait(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and server.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def _ask(port: int, method: str, path: str, body: bytes, kind: str) -> tuple[int, dict[str, Any]]:
    call = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    call.request(method, f"/api{path}", body, {"Authorization": LOGIN, "Content-Type": kind})
    answer = call.getresponse()
    return answer.status, json.loads(answer.read() or b"{}")


def test_every_line_of_a_long_body_is_read(port: int) -> None:
    gala = Audience.objects.create(name="gala", kind="static_list")
    tagging.tag(gala, ["1", "2", "9999"], by="alice", at=NOW, cause="user")
    lines = "".join(f"{key}\r\n" for key in range(1, 3001)).encode()
    status, outcome = _ask(port, "PUT", f"/audiences/{gala.pk}/members", lines, "text/plain")
    assert (status, outcome["read"], outcome["matched"]) == (200, 3000, 3000)
    assert (outcome["added"], outcome["removed"], outcome["same"]) == (2998, 1, 2)
    status, outcome = _ask(port, "POST", f"/audiences/{gala.pk}/members", b"id\n1\n2\n3\n", "text/csv")
    assert (status, outcome["read"], outcome["same"]) == (200, 3, 3)
    status, problem = _ask(port, "PUT", f"/audiences/{gala.pk}/members", b"", "text/plain")
    assert (status, "confirm=true" in problem["detail"]) == (422, True)
    assert gala.assignments.filter(removed_at=None).count() == 3000


def test_definitions_are_put_read_and_deleted(port: int) -> None:
    account = json.dumps({"name": "Music shop", "from_address": "hello@musicshop.example.com"}).encode()
    assert _ask(port, "PUT", "/definitions/account", account, "application/json")[0] == 200
    body = json.dumps({"visibility": "public"}).encode()
    address = "/definitions/contact_lists/Opera%20%2F%20ballet"
    status, change = _ask(port, "PUT", f"{address}?dry_run=true", body, "application/json")
    assert (status, change["action"], change["dry_run"]) == (200, "created", True)
    assert _ask(port, "GET", address, b"", "application/json")[0] == 404
    status, change = _ask(port, "PUT", address, body, "application/json")
    assert (status, change["name"], change["kind"]) == (201, "Opera / ballet", "contact list")
    status, found = _ask(port, "GET", address, b"", "application/json")
    assert (status, found["body"]) == (200, {"visibility": "Public"})
    assert _ask(port, "DELETE", address, b"", "application/json") == (204, {})
    assert _ask(port, "GET", address, b"", "application/json")[0] == 404
