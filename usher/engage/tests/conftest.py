"""An account, a caller of its API, and imports that are done at once."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import HttpResponse

from usher.engage.access import create_api_user
from usher.engage.accounts import create_account
from usher.engage.imports.run import run
from usher.engage.models import Account, Import
from usher.engage.models.accounts import Scheme
from usher.engage.tests.conformance.client import WatchfulClient

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Caller:
    """Speaks to the API as one API user does; every reply has to be as Dotdigital describes it."""

    def __init__(self, username: str, password: str) -> None:
        self.http = WatchfulClient(raise_request_exception=False)
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {token}"}

    def __call__(self, line: str, body: Any = None, **more: Any) -> HttpResponse:
        """`caller("POST /v2/contacts", {...})`."""
        method, path = line.split(" ", 1)
        data = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        return self.http.generic(
            method, path, data, more.pop("content_type", "application/json"), headers=self.headers, **more
        )

    def json(self, line: str, body: Any = None, status: int = 200) -> Any:
        answer = self(line, body)
        assert answer.status_code == status, answer.content
        return answer.json()

    def error(self, line: str, body: Any = None) -> tuple[int, str]:
        answer = self(line, body)
        return answer.status_code, answer.json()["message"]

    def upload(self, path: str, content: str | bytes, name: str = "people.csv") -> dict[str, Any]:
        """Accept an import, do it, and answer with its report."""
        raw = content.encode() if isinstance(content, str) else content
        body = {"fileName": name, "data": base64.b64encode(raw).decode()}
        job = self.json(f"POST {path}", body, 202)
        assert job["status"] == "NotFinished"
        run(job["id"], NOW)
        return {"id": job["id"], **self.json(f"GET /v2/contacts/import/{job['id']}/report")}


@pytest.fixture
def account(db: None) -> Account:
    return create_account("Usher", NOW)


@pytest.fixture
def api(account: Account) -> Caller:
    return Caller(*create_api_user(account, NOW, password="correct horse 1", scheme=Scheme.NONE))


@pytest.fixture
def other(db: None) -> Caller:
    return Caller(*create_api_user(create_account("Another", NOW), NOW, password="correct horse 1"))


def faults(job: dict[str, Any]) -> list[tuple[int, str]]:
    return list(Import.objects.get(pk=job["id"]).faults.order_by("row").values_list("row", "reason"))
