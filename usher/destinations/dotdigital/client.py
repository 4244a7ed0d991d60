"""Dotdigital over HTTP: every call that syncs and seeds make, and nothing else."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import pyarrow as pa

from usher.destinations.base import (
    Account,
    Capabilities,
    Contact,
    ContactList,
    FieldType,
    ImportReport,
    Platform,
    Progress,
    Work,
)
from usher.destinations.dotdigital import translate
from usher.destinations.dotdigital.settings import DotdigitalSettings
from usher.lib.http import Http, OutsideError

#: The largest page that v2 gives.
PAGE = 1000
#: Ids in one removal; nothing is published, and these make one megabyte.
REMOVALS = 100_000


def _looks_up_each(removals: int, list_size: int) -> bool:
    """Addresses are looked up one by one as long as that takes fewer calls than reading the list."""
    return removals <= list_size // PAGE + 1


def calls_of(work: Work) -> dict[str, int]:
    calls = {"create list": work.lists, "create data field": work.fields}
    calls |= dict.fromkeys(("import", "import status", "import report"), work.imports)
    if _looks_up_each(work.removals, work.list_size):
        calls["look up contact"] = work.removals
    else:
        calls["list contacts"] = work.list_size // PAGE + 1
    calls |= dict.fromkeys(("remove", "removal status"), math.ceil(work.removals / REMOVALS))
    return {kind: count for kind, count in calls.items() if count}


class Dotdigital(Platform):
    """An account at Dotdigital, or at a server that speaks its API."""

    Settings = DotdigitalSettings
    capabilities = Capabilities(
        import_bytes=translate.IMPORT_BYTES,
        import_rows=None,
        bulk_add=True,
        single_add_fires_join_actions=True,
        page_rows=PAGE,
        remove_rows=REMOVALS,
        field_name="[A-Za-z0-9_-]{1,20}",
        field_types=frozenset(translate.TYPES),
        text_length=1000,
        number_digits=18,
        reserved_names=translate.RESERVED,
        split=translate.split,
        calls=calls_of,
    )

    def __init__(
        self,
        settings: DotdigitalSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        on_call: Callable[[str], None] = lambda kind: None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._discover = settings.discovers_region
        self._http = Http(
            settings.url,
            name="Dotdigital" if self._discover else "the Dotdigital API",
            explain=translate.error,
            auth=(settings.username, settings.password.get_secret_value()),
            on_call=on_call,
            sleep=sleep,
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    def _call(self, kind: str, method: str, path: str, **request: Any) -> httpx.Response:
        if self._discover:
            self.check()
        return self._http.call(kind, method, path, **request)

    def check(self) -> Account:
        """Ask for the account, and from then on speak to the region in which it lives."""
        body = self._http.call("account", "GET", "/v2/account-info").json()
        named = {item["name"].lower(): str(item["value"]) for item in body.get("properties") or []}
        endpoint = named.get("apiendpoint", "").rstrip("/")
        if self._discover and endpoint:
            self._http.base_url = endpoint
        self._discover = False
        return Account(str(body.get("id", "")), named.get("name", ""), endpoint or self._http.base_url)

    def lists(self) -> list[ContactList]:
        return list(self._lists())

    def _lists(self) -> Iterator[ContactList]:
        for page in self._pages("lists", "/v2/address-books"):
            for it in page:
                yield ContactList(str(it["id"]), it["name"], int(it.get("contacts") or 0))

    def ensure_list(self, name: str) -> str:
        body = {"name": name, "visibility": "Private"}
        try:
            # Safe to repeat: a second attempt is told that the name is taken, and then it is looked up.
            made = self._call("create list", "POST", "/v2/address-books", json=body, idempotent=True)
            return str(made.json()["id"])
        except OutsideError as problem:
            found = problem.token == "ERROR_ADDRESSBOOK_DUPLICATE" and self._list_named(name)
            if not found:
                raise
            return found

    def _list_named(self, name: str) -> str | None:
        wanted = name.strip().lower()
        return next((it.id for it in self._lists() if it.name.strip().lower() == wanted), None)

    def fields(self) -> dict[str, FieldType]:
        body = self._call("data fields", "GET", "/v2/data-fields").json()
        return {it["name"].upper(): translate.field_type(it["type"]) for it in body}

    def ensure_field(self, name: str, kind: FieldType) -> None:
        body = {"name": name, "type": translate.TYPES[kind], "visibility": "Private"}
        try:
            # Safe to repeat: a second attempt is told that the field is there, which is what was wanted.
            self._call("create data field", "POST", "/v2/data-fields", json=body, idempotent=True)
        except OutsideError as problem:
            if problem.token != "ERROR_NON_UNIQUE_DATAFIELD":
                raise

    def start_import(self, list_id: str, rows: pa.Table) -> str:
        # With Overwrite an empty cell empties the field; the same file twice leaves what it left once.
        path = f"/v2/address-books/{list_id}/contacts/import/with-merge-option/Overwrite"
        data = base64.b64encode(translate.write_csv(rows)).decode("ascii")
        body = {"fileName": "usher.csv", "data": data}
        return str(self._call("import", "POST", path, json=body, idempotent=True).json()["id"])

    def import_progress(self, import_id: str) -> Progress:
        path = f"/v2/contacts/import/{import_id}"
        return translate.import_progress(str(self._call("import status", "GET", path).json()["status"]))

    def import_report(self, import_id: str) -> ImportReport:
        path = f"/v2/contacts/import/{import_id}/report"
        counters = self._call("import report", "GET", path).json()
        if not any(counters.get(name) for name in translate.FAULT_COUNTERS):
            return ImportReport(counters)
        return ImportReport(
            counters, translate.faults(self._call("import faults", "GET", f"{path}-faults").content.decode())
        )

    def add_one(self, list_id: str, email: str, fields: Mapping[str, Any]) -> Contact:
        # Not repeated after a lost answer: a join that was new the first time is not new the second, but
        # only the caller knows whether a second join action would do harm.
        path = f"/v2/address-books/{list_id}/contacts"
        body = translate.contact_body(email, fields)
        return translate.contact(self._call("add contact", "POST", path, json=body).json())

    def remove(self, list_id: str, emails: Sequence[str], *, list_size: int) -> str | None:
        ids = self._contact_ids(list_id, {email.lower() for email in emails}, list_size)
        if not ids:
            return None
        path = f"/v2/address-books/{list_id}/contacts/delete"
        return str(self._call("remove", "POST", path, json=ids, idempotent=True).json()["id"])

    def removal_progress(self, removal_id: str) -> Progress:
        path = f"/v2/contacts/deletion/{removal_id}"
        status = str(self._call("removal status", "GET", path).json()["status"])
        if status.lower() == "failed":
            return Progress("failed", "the removal failed at Dotdigital; it is made again in the next run")
        return Progress("done" if status.lower() == "completed" else "running", status)

    def _contact_ids(self, list_id: str, emails: set[str], list_size: int) -> list[int]:
        """Ids of those of the addresses that are there, in order; the way that takes fewer calls."""
        if _looks_up_each(len(emails), list_size):
            found = [self.contact(email) for email in sorted(emails)]
            return [int(it.id) for it in found if it]
        ids: list[int] = []
        for page in self._pages("list contacts", f"/v2/address-books/{list_id}/contacts"):
            ids += [int(it["id"]) for it in page if str(it["email"]).lower() in emails]
            if len(ids) == len(emails):
                break
        return ids

    def contact(self, email: str) -> Contact | None:
        body = self._found("look up contact", f"/v2/contacts/{quote(email, safe='')}")
        return translate.contact(body) if body else None

    def trace(self, email: str) -> dict[str, Any] | None:
        return self._found("trace", f"/engage/v1/trace?email={quote(email, safe='')}")

    def _found(self, kind: str, path: str) -> dict[str, Any] | None:
        """The object at the path, None where there is none."""
        try:
            body: dict[str, Any] = self._call(kind, "GET", path).json()
        except OutsideError as problem:
            if problem.status == 404:
                return None
            raise
        return body

    def _pages(self, kind: str, path: str) -> Iterator[list[dict[str, Any]]]:
        """Pages up to the first empty one: a short page is not promised to be the last."""
        skip = 0
        while page := self._call(kind, "GET", path, params={"select": PAGE, "skip": skip}).json():
            yield page
            skip += len(page)
