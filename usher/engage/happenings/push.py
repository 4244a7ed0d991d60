"""Posts what happened to webhooks: to each in the order of its happenings, and none waits for another.

A happening is written with its cause, before any call is made; how far a webhook has come is written when
its receiver has answered. So a sender that is killed posts a batch twice at most, under the same ids.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx

from usher.engage.happenings import log
from usher.engage.happenings.webhooks import secret_of, wanted
from usher.engage.models import Account, Happening, Webhook, WebhookState
from usher.engage.models.events import Feed
from usher.lib.database.alone import alone
from usher.lib.http import trust_for
from usher.lib.secrets import SecretError

#: Calls at once, and how long a receiver may take.
AT_ONCE = 16
TIMEOUT = httpx.Timeout(10.0)
#: Seconds until the next try, by how many have failed.
BACK_OFF = (5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
#: What could not be delivered for so long is given up.
PATIENCE = timedelta(hours=24)
#: "Could not process the data": it is not sent again.
DROPPED = 400
SIGNATURE = "X-Comapi-Signature"
#: One sender at a time holds this advisory lock: "hook" in its upper half.
LOCK = 0x686F6F6B << 32
_SPACES = UUID("0f6b7a52-7f0d-4d2e-9a8b-1d1f4c6a2e77")
#: How far a message has come when this happens to it.
_REVISIONS = {"message.sent": 1, "message.read": 3, "interaction.click": 3}


@dataclass(frozen=True)
class Call:
    """One call to be made."""

    webhook: Webhook
    body: bytes
    signature: str
    #: The numbers of the happenings in it.
    numbers: Sequence[int]


@dataclass(frozen=True)
class Answer:
    #: None: there was none.
    status: int | None
    text: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def run(now: Callable[[], datetime]) -> tuple[Counter[str], datetime | None]:
    """Post all that is to be posted now: how many happenings were taken, dropped, given up, or wait.

    Second, the first moment at which something will be due that waits. Nothing is done while another sender
    is at it.
    """
    done: Counter[str] = Counter()
    later: list[datetime] = []
    with alone(LOCK) as is_alone, ThreadPoolExecutor(AT_ONCE) as hands:
        if not is_alone:
            return done, None
        open_calls: dict[Future[Answer], Call] = {}

        def begin(webhook: UUID) -> None:
            call, due_at = _next(webhook, now())
            if call:
                open_calls[hands.submit(_post, call)] = call
            elif due_at:
                later.append(due_at)

        for webhook in _live():
            begin(webhook)
        while open_calls:
            ended, _ = wait(open_calls, return_when=FIRST_COMPLETED)
            for future in ended:
                call = open_calls.pop(future)
                done += _settle(call, future.result(), now())
                begin(call.webhook.pk)
    return done, min(later, default=None)


def _live() -> list[UUID]:
    live = Webhook.objects.filter(deleted_at=None).order_by("created_at")
    return list(live.values_list("pk", flat=True))


def _next(key: UUID, now: datetime) -> tuple[Call | None, datetime | None]:
    """What is to be posted to it now; or when there will be something, as far as is known."""
    states = WebhookState.objects.filter(webhook=key, webhook__deleted_at=None)
    state = states.select_related("webhook__account").first()
    if state is None:  # it was deleted meanwhile
        return None, None
    webhook = state.webhook
    upto = log.settle(webhook.account, Feed.WEBHOOKS, now)
    most = webhook.max_batch_size if webhook.batch else 1
    found = log.read(webhook.account, Feed.WEBHOOKS, wanted(webhook), state.after, upto, most)
    if not found:  # nothing of what there is concerns it
        WebhookState.objects.filter(webhook=webhook, after__lt=upto).update(after=upto)
        return None, None
    due_at = max(state.due_at, _full_at(webhook, found))
    return (_call(webhook, found), None) if due_at <= now else (None, due_at)


def _full_at(webhook: Webhook, found: Sequence[Happening]) -> datetime:
    """When a batch goes: with all that it can hold, or when its first has waited for long enough."""
    first = found[0].recorded_at or found[0].at
    is_full = not webhook.batch or len(found) == webhook.max_batch_size
    return first if is_full else first + timedelta(seconds=webhook.batch_timeout)


def _call(webhook: Webhook, found: Sequence[Happening]) -> Call:
    envelopes = [_envelope(one) for one in found]
    body = json.dumps(envelopes if webhook.batch else envelopes[0], ensure_ascii=False).encode()
    try:
        secret = secret_of(webhook)
    except SecretError:  # the receiver refuses what is not signed, and the failure shows
        secret = ""
    signature = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest() if secret else ""
    return Call(webhook, body, signature, [one.number or 0 for one in found])


def _envelope(row: Happening) -> dict[str, Any]:
    payload = {**row.data}
    if isinstance(payload.get("metadata"), str):
        payload["metadata"] = _opened(payload["metadata"])
    return {
        "eventId": str(row.key),
        "accountId": row.account_id,
        "apiSpaceId": str(space_of(row.account_id)),
        "name": row.type,
        "payload": payload,
        "revision": _REVISIONS.get(row.type, 2),
        "etag": hashlib.sha1(json.dumps(payload, sort_keys=True).encode()).hexdigest(),
        "timestamp": row.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def space_of(account: int) -> UUID:
    """How an account is called where messages are spoken of."""
    return uuid5(_SPACES, str(account))


def _opened(metadata: str) -> Any:
    """What the caller of a mail gave along is a text that mostly is JSON."""
    try:
        return json.loads(metadata)
    except ValueError:
        return metadata


def _post(call: Call) -> Answer:
    """Of the answer nothing is read but its status."""
    url = call.webhook.url
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if call.signature:
        headers[SIGNATURE] = call.signature
    try:
        with (
            httpx.Client(timeout=TIMEOUT, verify=trust_for(url), follow_redirects=False) as client,
            client.stream("POST", url, content=call.body, headers=headers) as response,
        ):
            return Answer(response.status_code, f"answered {response.status_code} {response.reason_phrase}")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as problem:
        return Answer(None, f"is out of reach: {type(problem).__name__}: {problem}"[:400])


def _settle(call: Call, answer: Answer, now: datetime) -> Counter[str]:
    state = WebhookState.objects.get(webhook=call.webhook)
    if answer.is_taken or answer.status == DROPPED:
        state.after, state.failures, state.failing_since, state.due_at = call.numbers[-1], 0, None, now
        state.error = "" if answer.is_taken else answer.text[:500]
        state.save()
        return Counter({"taken" if answer.is_taken else "dropped": len(call.numbers)})
    state.due_at = now + timedelta(seconds=BACK_OFF[min(state.failures, len(BACK_OFF) - 1)])
    state.failures, state.failing_since = state.failures + 1, state.failing_since or now
    state.error = answer.text[:500]
    given_up = (
        _too_old(call.webhook.account, state.after, now) if now - state.failing_since >= PATIENCE else 0
    )
    state.after = max(state.after, given_up)
    state.save()
    lost = sum(number <= given_up for number in call.numbers)
    return Counter({"given up": lost, "put off": len(call.numbers) - lost})


def _too_old(account: Account, after: int, now: datetime) -> int:
    """The number of the last happening that has waited for too long; 0 without one."""
    waiting = Happening.objects.filter(account=account, feed=Feed.WEBHOOKS, number__gt=after)
    waiting = waiting.filter(recorded_at__lte=now - PATIENCE)
    return waiting.order_by("-number").values_list("number", flat=True).first() or 0
