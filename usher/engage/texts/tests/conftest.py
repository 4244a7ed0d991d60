"""A gateway on loopback that speaks Twilio's Messages API and does what a test tells it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from usher.engage.accounts import create_account
from usher.engage.models import Account

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Gateway(ThreadingHTTPServer):
    """Takes every text, unless `answers` says otherwise for its number."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[dict[str, str]] = []
        #: Number -> status and body; None: the connection is cut after the text was read.
        self.answers: dict[str, tuple[int, dict[str, Any]] | None] = {}
        #: Id -> what is told of it.
        self.told: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        #: What it has, as its list shows it.
        self.kept: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"twilio+http://AC1:secret@127.0.0.1:{self.server_address[1]}?from=+441234567890"


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(raw).items()}
        self.server.taken.append(form)
        answer = self.server.answers.get(
            form["To"], (201, {"sid": f"SM{form['To'][1:]}", "status": "queued"})
        )
        if not self._is_known("POST", "/2010-04-01/Accounts/AC1/Messages.json"):
            answer = (401, {"code": 20003, "message": "Authenticate"})
        self._answer(answer)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path.endswith("/Messages.json"):
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            listed = [one for one in self.server.kept if one["to"] == query["To"]]
            self._answer((200, {"messages": listed}))
            return
        name = address.path.rpartition("/")[2].removesuffix(".json")
        self.server.asked.append(name)
        self._answer((200, self.server.told.get(name, {"sid": name, "status": "sent"})))

    def _is_known(self, method: str, path: str) -> bool:
        login = "Basic " + base64.b64encode(b"AC1:secret").decode()
        return (self.command, self.path, self.headers["Authorization"]) == (method, path, login)

    def _answer(self, answer: tuple[int, dict[str, Any]] | None) -> None:
        if answer is None:
            self.close_connection = True
            self.connection.close()
            return
        body = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A test's output is its own."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def account(db: None) -> Account:
    return create_account("Music shop", NOW)


@pytest.fixture
def clock() -> Callable[[], datetime]:
    return lambda: NOW
