"""Texts through Twilio's Messages API, or whoever speaks it: a form, basic auth, JSON in return."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from usher.engage.channels.texting import Answer, Text
from usher.lib.http import trust_for

VERSION = "2010-04-01"
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
#: The call did not reach the gateway.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: "The recipient has answered STOP."
OPTED_OUT = 21610
#: Not a text's fault but ours or the gateway's: for the operator to mend, and the text waits.
_NOT_ITS_FAULT = frozenset({401, 403, 404, 405, 408, 429})
_DELIVERED = frozenset({"delivered", "read"})
_LOST = frozenset({"undelivered", "failed", "canceled"})


class Twilio:
    """One account of the gateway. `sender`: a number, a short code, a name or a messaging service (MG…)."""

    def __init__(self, base_url: str, account: str, token: str, sender: str) -> None:
        self._path = f"/{VERSION}/Accounts/{account}/Messages"
        self._sender = sender
        self._client = httpx.Client(
            base_url=base_url,
            auth=(account, token),
            timeout=TIMEOUT,
            verify=trust_for(base_url),
            follow_redirects=False,
        )

    def send(self, text: Text) -> Answer:
        sender = text.sender or self._sender
        form = {"To": f"+{text.number}", "Body": text.body}
        form["MessagingServiceSid" if sender.startswith("MG") else "From"] = sender
        try:
            response = self._client.post(f"{self._path}.json", data=form)
        except _NOTHING_SENT as problem:
            return Answer("deferred", text=f"the gateway is out of reach: {_said(problem)}")
        except httpx.HTTPError as problem:
            return Answer("unknown", text=f"the gateway's answer was lost: {_said(problem)}")
        return _taken(response)

    def ask(self, gateway_id: str) -> Answer | None:
        answer = _told(self._get(f"{self._path}/{gateway_id}.json"))
        return answer if answer and answer.state != "sent" else None

    def find(self, text: Text, since: datetime) -> list[Answer]:
        # whole days (UTC) are all that can be asked for
        day = f"{since.astimezone(UTC):%Y-%m-%d}"
        query = {"To": f"+{text.number}", "DateSent>": day, "PageSize": "200"}
        found = self._get(f"{self._path}.json", query).get("messages")
        alike = [one for one in found or [] if isinstance(one, dict) and one.get("body") == text.body]
        late_enough = [one for one in alike if _made_at(one) >= since.replace(microsecond=0)]
        return [answer for one in late_enough if (answer := _told(one))]

    def _get(self, path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
        """What the gateway tells; nothing when it does not."""
        try:
            response = self._client.get(path, params=query)
        except httpx.HTTPError:
            return {}
        return _json(response) if response.is_success else {}


def _told(found: dict[str, Any]) -> Answer | None:
    """A text as the gateway shows it."""
    sid, status = str(found.get("sid") or ""), str(found.get("status", ""))
    if not sid:
        return None
    if status in _DELIVERED:
        return Answer("delivered", sid)
    if status not in _LOST:
        return Answer("sent", sid, text=status)
    code = _number(found.get("error_code"))
    text = f"{status}: {found.get('error_message') or 'no reason given'}"
    return Answer("refused", sid, code, text, opted_out=code == OPTED_OUT)


def _made_at(found: dict[str, Any]) -> datetime:
    try:
        return parsedate_to_datetime(str(found.get("date_created"))).astimezone(UTC)
    except (TypeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _taken(response: httpx.Response) -> Answer:
    found = _json(response)
    if response.is_success:
        sid = str(found.get("sid") or "")
        if sid:
            return Answer("sent", sid[:128], response.status_code, str(found.get("status", "")))
        return Answer("unknown", code=response.status_code, text="the gateway took it without giving its id")
    code = _number(found.get("code")) or response.status_code
    text = str(found.get("message") or response.reason_phrase)
    if response.status_code in _NOT_ITS_FAULT:
        return Answer("deferred", code=code, text=text)
    if response.is_client_error:
        return Answer("refused", code=code, text=text, opted_out=code == OPTED_OUT)
    # it may have been taken before something broke
    return Answer("unknown", code=code, text=text)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def _said(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
