"""A small server that behaves as Dotdigital's API is published, for tests that need a platform."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from usher.destinations.dotdigital.translate import FAULT_COUNTERS

USERNAME, PASSWORD = "apiuser-0123456789ab@apiconnector.com", "open sesame 1"

#: Reasons of a fault report, and the report's counter, by the status of the contact.
FAULTS = {
    "Unsubscribed": ("Unsubscribed", "unsubscribed"),
    "HardBounced": ("Hard bounced", "hardBounced"),
    "IspComplained": ("Complained to ISP", "ispComplaints"),
    "Suppressed": ("Globally Suppressed", "globallySuppressed"),
}
COUNTERS = ("newContacts", "updatedContacts", *FAULT_COUNTERS)


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


class Published:
    """The account: its contacts, lists, fields and jobs, and knobs for trouble."""

    def __init__(self) -> None:
        self.id, self.username, self.password = 7, USERNAME, PASSWORD
        self.url = ""
        self.contacts: dict[int, dict[str, Any]] = {}
        self.lists: dict[int, dict[str, Any]] = {}
        self.fields = {"FIRSTNAME": "String", "LASTNAME": "String"}
        self.imports: dict[str, dict[str, Any]] = {}
        self.removals: dict[str, int] = {}
        #: Requests as "METHOD /path", in order.
        self.seen: list[str] = []
        #: Bodies of the import files, decoded.
        self.files: list[bytes] = []
        #: Polls answered with NotFinished before an import has done anything.
        self.slow = 0
        #: How an import ends.
        self.ends = "Finished"
        #: Calls allowed in one window of the tier (None: any number), and the window in seconds.
        self.limit: int | None = None
        self.window = 1.0
        self.joined: list[str] = []
        self._used, self._window_ends = 0, 0.0
        self.turned_away = 0
        self.lock = threading.RLock()

    # what tests ask

    def members(self, name: str) -> dict[str, dict[str, Any]]:
        """{address: data fields} of the list of this name."""
        one = next(it for it in self.lists.values() if it["name"] == name)
        return {self.contacts[it]["email"]: self.contacts[it]["fields"] for it in sorted(one["members"])}

    def set_status(self, email: str, status: str) -> None:
        self.upsert(email)["status"] = status

    def upsert(self, email: str) -> dict[str, Any]:
        found = self.named(email)
        if found is None:
            found = {"id": 1000 + len(self.contacts), "email": email, "status": "Subscribed", "fields": {}}
            self.contacts[found["id"]] = found
        return found

    def named(self, email: str) -> dict[str, Any] | None:
        wanted = email.strip().lower()
        return next((it for it in self.contacts.values() if it["email"].lower() == wanted), None)

    # limits

    def admit(self) -> dict[str, str]:
        """The headers of this reply; raises 429 when the window is used up."""
        if self.limit is None:
            return {}
        now = time.time()
        if now >= self._window_ends:
            self._used, self._window_ends = 0, now + self.window
        self._used += 1
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(self.limit - self._used, 0)),
            "X-RateLimit-Reset": str(int(self._window_ends) + 1),
            "X-RateLimit-Scope": "lowCallRate",
        }
        if self._used > self.limit:
            self.turned_away += 1
            headers["refused"] = "yes"
        return headers

    # the calls

    def account_info(self, **_: Any) -> Any:
        names = {"Name": "Music shop", "ApiEndpoint": self.url + "/"}
        return {
            "id": self.id,
            "properties": [{"name": k, "type": "String", "value": v} for k, v in names.items()],
        }

    def get_lists(self, query: dict[str, str], **_: Any) -> Any:
        return page([list_body(it) for it in self.lists.values()], query)

    def post_list(self, body: dict[str, Any], **_: Any) -> Any:
        if any(it["name"].lower() == body["name"].lower() for it in self.lists.values()):
            raise RefusedError(400, "Error: ERROR_ADDRESSBOOK_DUPLICATE")
        one = {"id": 50 + len(self.lists), "name": body["name"], "members": set()}
        self.lists[one["id"]] = one
        return 201, list_body(one)

    def get_fields(self, **_: Any) -> Any:
        return [
            {"name": k, "type": v, "visibility": "Private", "defaultValue": None}
            for k, v in self.fields.items()
        ]

    def post_field(self, body: dict[str, Any], **_: Any) -> Any:
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,20}", body["name"]):
            raise RefusedError(400, "Error: ERROR_DATAFIELD_INVALID")
        if body["name"].upper() in self.fields:
            raise RefusedError(400, "Field already exists. ERROR_NON_UNIQUE_DATAFIELD")
        self.fields[body["name"].upper()] = body["type"]
        return 201, body

    def start_import(self, list_id: str, body: dict[str, Any], **_: Any) -> Any:
        one = self.the_list(list_id)
        file = base64.b64decode(body["data"])
        if len(file) > 10 * 1024 * 1024:
            raise RefusedError(413, "Error: ERROR_IMPORT_UNSUPPORTED_FORMAT")
        self.files.append(file)
        job = {"file": file, "list": one, "polls": self.slow, "report": None, "faults": []}
        self.imports[str(uuid.uuid4())] = job
        return 202, {"id": list(self.imports)[-1], "status": "NotFinished"}

    def import_status(self, job_id: str, **_: Any) -> Any:
        job = self.job(job_id)
        if job["polls"] > 0:
            job["polls"] -= 1
            return {"id": job_id, "status": "NotFinished"}
        if self.ends == "Finished" and job["report"] is None:
            self.work_off(job)
        return {"id": job_id, "status": self.ends}

    def work_off(self, job: dict[str, Any]) -> None:
        report = dict.fromkeys(COUNTERS, 0)
        by_address = {it["email"].lower(): it for it in self.contacts.values()}
        reader = csv.DictReader(io.StringIO(job["file"].decode()))
        headings = {name: name.upper() for name in reader.fieldnames or [] if name.upper() in self.fields}
        for row in reader:
            found = by_address.get(row["Email"].lower())
            status = found["status"] if found else "Subscribed"
            if "@" not in row["Email"]:
                reason, counter = "Invalid Email", "invalidEntries"
            elif status != "Subscribed":
                reason, counter = FAULTS[status]
            else:
                report["updatedContacts" if found else "newContacts"] += 1
                found = found or self.new(row["Email"], by_address)
                found["fields"] |= {ours: row[theirs] or None for theirs, ours in headings.items()}
                job["list"]["members"].add(found["id"])
                continue
            report[counter] += 1
            job["faults"].append({"Reason": reason, **row})
        job["report"] = report

    def new(self, email: str, by_address: dict[str, dict[str, Any]]) -> dict[str, Any]:
        one = {"id": 1000 + len(self.contacts), "email": email, "status": "Subscribed", "fields": {}}
        self.contacts[one["id"]] = by_address[email.lower()] = one
        return one

    def import_report(self, job_id: str, **_: Any) -> Any:
        return self.job(job_id)["report"]

    def import_faults(self, job_id: str, **_: Any) -> Any:
        faults = self.job(job_id)["faults"]
        out = io.StringIO()
        writer = csv.DictWriter(out, list(faults[0]))
        writer.writeheader()
        writer.writerows(faults)
        return ("﻿" + out.getvalue()).encode()

    def list_contacts(self, list_id: str, query: dict[str, str], **_: Any) -> Any:
        full = query.get("withfulldata") == "true"
        rows = [contact_body(self.contacts[it], full) for it in sorted(self.the_list(list_id)["members"])]
        return page(rows, query)

    def add_contact(self, list_id: str, body: dict[str, Any], **_: Any) -> Any:
        one = self.upsert(body["email"])
        if one["status"] != "Subscribed":
            raise RefusedError(400, "Contact is suppressed. ERROR_CONTACT_SUPPRESSED")
        one["fields"] |= {it["key"].upper(): it["value"] for it in body.get("dataFields") or []}
        members = self.the_list(list_id)["members"]
        if one["id"] not in members:
            self.joined.append(one["email"])
        members.add(one["id"])
        return contact_body(one, True)

    def remove(self, list_id: str, body: list[int], **_: Any) -> Any:
        self.the_list(list_id)["members"] -= set(body)
        self.removals[str(uuid.uuid4())] = 1
        return 202, {"id": list(self.removals)[-1], "status": "Started"}

    def removal(self, job_id: str, **_: Any) -> Any:
        self.removals[job_id] -= 1
        return {"id": job_id, "status": "Completed" if self.removals[job_id] < 0 else "Started"}

    def get_contact(self, email: str, **_: Any) -> Any:
        found = self.named(email)
        if found is None:
            raise RefusedError(404, "Error: ERROR_CONTACT_NOT_FOUND")
        return contact_body(found, True)

    def unsubscribe(self, body: dict[str, Any], **_: Any) -> Any:
        self.set_status(body["email"], "Unsubscribed")
        found = contact_body(self.upsert(body["email"]), False)
        return {
            "suppressedContact": found,
            "dateRemoved": "2026-01-01T00:00:00.000Z",
            "reason": "Unsubscribed",
        }

    def the_list(self, list_id: str) -> dict[str, Any]:
        try:
            return self.lists[int(list_id)]
        except KeyError:
            raise RefusedError(404, "Error: ERROR_ADDRESSBOOK_NOT_FOUND") from None

    def job(self, job_id: str) -> dict[str, Any]:
        try:
            return self.imports[job_id]
        except KeyError:
            raise RefusedError(404, "Error: ERROR_IMPORT_NOT_FOUND") from None


def list_body(one: dict[str, Any]) -> dict[str, Any]:
    return {"id": one["id"], "name": one["name"], "visibility": "Private", "contacts": len(one["members"])}


def contact_body(one: dict[str, Any], full: bool) -> dict[str, Any]:
    fields = [{"key": key, "value": value} for key, value in one["fields"].items()] if full else None
    head = {"id": one["id"], "email": one["email"], "optInType": "Unknown", "emailType": "Html"}
    return {**head, "dataFields": fields, "status": one["status"]}


def page(rows: list[Any], query: dict[str, str]) -> list[Any]:
    select, skip = int(query.get("select", 1000)), int(query.get("skip", 0))
    if not 1 <= select <= 1000 or skip < 0:
        raise RefusedError(400, "Error: ERROR_PARAMETER_INVALID")
    return rows[skip : skip + select]


LIST = r"/v2/address-books/(?P<list_id>\d+)/contacts"
ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", r"/v2/account-info", Published.account_info),
    ("GET", r"/v2/address-books", Published.get_lists),
    ("POST", r"/v2/address-books", Published.post_list),
    ("GET", r"/v2/data-fields", Published.get_fields),
    ("POST", r"/v2/data-fields", Published.post_field),
    ("POST", LIST + r"/import/with-merge-option/Overwrite", Published.start_import),
    ("GET", r"/v2/contacts/import/(?P<job_id>[^/]+)", Published.import_status),
    ("GET", r"/v2/contacts/import/(?P<job_id>[^/]+)/report", Published.import_report),
    ("GET", r"/v2/contacts/import/(?P<job_id>[^/]+)/report-faults", Published.import_faults),
    ("GET", LIST, Published.list_contacts),
    ("POST", LIST, Published.add_contact),
    ("POST", LIST + r"/delete", Published.remove),
    ("GET", r"/v2/contacts/deletion/(?P<job_id>[^/]+)", Published.removal),
    ("POST", r"/v2/contacts/unsubscribe", Published.unsubscribe),
    ("GET", r"/v2/contacts/(?P<email>[^/]*@[^/]*)", Published.get_contact),
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    #: One segment a reply; without it a small reply waits for the other side's acknowledgement.
    wbufsize = -1
    account: Published

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        parts = urlsplit(self.path)
        path = unquote(re.sub("/+", "/", parts.path).rstrip("/"))
        query = {key.lower(): values[-1] for key, values in parse_qs(parts.query).items()}
        with self.account.lock:
            self.account.seen.append(f"{self.command} {path}")
            status, reply, headers = self.decide(path, query, body)
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response_only(status)
        for name, value in {
            "Date": formatdate(usegmt=True),
            "Content-Length": str(len(content)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def decide(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        given = self.headers.get("authorization", "").removeprefix("Basic ")
        if base64.b64decode(given).decode() != f"{self.account.username}:{self.account.password}":
            said = "Authorization has been denied for this request. ERROR_INVALID_LOGIN"
            return 401, {"message": said}, {}
        headers = self.account.admit()
        if headers.pop("refused", ""):
            return 429, {"message": "Too many requests"}, headers
        for method, pattern, call in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == self.command:
                try:
                    reply = call(self.account, query=query, body=body, **found.groupdict())
                except RefusedError as no:
                    return no.status, {"message": no.message}, headers
                return (*reply, headers) if isinstance(reply, tuple) else (200, reply, headers)
        return 404, {"message": "no such path"}, headers

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls


@contextmanager
def serve() -> Iterator[Published]:
    """A running server on a free port of this machine."""
    account = Published()
    handler = type("BoundHandler", (Handler,), {"account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    account.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
