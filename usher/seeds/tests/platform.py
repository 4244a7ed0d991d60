"""A small platform on loopback, for tests: lists, fields, contacts, the trace, and tracked links."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Platform:
    """Its state lies open: tests set what it answers and read what it was asked."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        self.server.platform = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.lists: dict[str, int] = {}
        self.fields: dict[str, str] = {"TAG_LAPSED_BUYER": "Boolean"}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.enrolments: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.clicks: list[str] = []
        #: Status that every call gets, while it is set.
        self.trouble = 0
        #: A contact is added, but the answer is lost.
        self.loses_answer = False
        self.knows_traces = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def added(self) -> list[str]:
        return [call.split(" ", 1)[1] for call in self.calls if call.startswith("add ")]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(path)
        match (method, unquote(parts.path).strip("/").split("/")):
            case ("GET", ["t", "c", *rest]):
                self.clicks.append("/".join(rest))
                return 302, None
            case _ if self.trouble:
                return self.trouble, {"message": f"trouble ERROR_TEST_{self.trouble}"}
            case ("POST", ["v2", "address-books"]):
                if body["name"] in self.lists:
                    return 400, {"message": "there is one ERROR_ADDRESSBOOK_DUPLICATE"}
                self.lists[body["name"]] = len(self.lists) + 1
                return 201, {"id": self.lists[body["name"]], "name": body["name"]}
            case ("GET", ["v2", "address-books"]):
                rows = [{"id": id, "name": name, "contacts": 0} for name, id in self.lists.items()]
                return 200, rows[int(parse_qs(parts.query).get("skip", ["0"])[0]) :]
            case ("GET", ["v2", "data-fields"]):
                return 200, [{"name": name, "type": kind} for name, kind in self.fields.items()]
            case ("POST", ["v2", "data-fields"]):
                self.fields[body["name"]] = body["type"]
                return 201, body
            case ("POST", ["v2", "address-books", _, "contacts"]):
                return self._add(body)
            case ("GET", ["v2", "contacts", email]):
                self.calls.append(f"find {email}")
                return (
                    (200, self.contacts[email]) if email in self.contacts else (404, {"message": "no such"})
                )
            case ("GET", ["engage", "v1", "trace"]) if self.knows_traces:
                return 200, self._trace(parse_qs(parts.query)["email"][0])
        return 404, {"message": "ERROR_NOT_FOUND"}

    def _add(self, body: dict[str, Any]) -> tuple[int, Any]:
        email = body["email"]
        self.calls.append(f"add {email}")
        fields = {field["key"]: field["value"] for field in body["dataFields"]}
        self.contacts[email] = {
            "id": 100 + len(self.contacts),
            "email": email,
            "status": "Subscribed",
            "dataFields": [{"key": key, "value": value} for key, value in fields.items()],
        }
        return 0 if self.loses_answer else 200, self.contacts[email]

    def _trace(self, email: str) -> dict[str, Any]:
        self.calls.append(f"trace {email}")
        contact = self.contacts.get(email)
        return {
            "contact": contact and {"id": contact["id"], "email": email, "status": contact["status"]},
            "enrolments": self.enrolments,
            "messages": self.messages,
        }


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        platform: Platform = self.server.platform  # type: ignore[attr-defined]
        status, body = platform.answer(self.command, self.path, json.loads(raw or b"{}"))
        if status == 0:
            self.close_connection = True
            return
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if status == 302:
            self.send_header("Location", "http://elsewhere.invalid/")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815 - the names are http.server's

    def log_message(self, *_: object) -> None:
        pass
