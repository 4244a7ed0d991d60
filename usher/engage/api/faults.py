"""What a call meets in a sandbox: it is late, turned away or loses its reply, as the account says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from django.http import HttpRequest, StreamingHttpResponse

from usher.engage import sandbox
from usher.engage.api import limits
from usher.engage.api.declared import Declared
from usher.engage.api.problems import ApiError
from usher.engage.models import Account


def meet(request: HttpRequest, account: Account, path: str, called: Declared, now: datetime) -> bool:
    """Wait as long as this call has to; whether its reply is to be lost. ApiError when it is turned away."""
    faults = sandbox.faults_of(account)
    if faults is None:
        return False
    dealt = sandbox.deal(account, faults)
    time.sleep(dealt.seconds)
    if faults.maintenance:
        raise ApiError(503, "ERROR_SYSTEM_SERVICETEMPORARILYUNAVAILABLE")
    if faults.wrong_region and path != "/v2/account-info" and _is_elsewhere(request, account):
        raise ApiError(403, "", "Access is denied")
    if faults.rate_limited and called.tier in limits.TIERS:
        raise limits.over(account, called.tier, now)
    if dealt.fails:
        raise ApiError(500, "ERROR_UNKNOWN")
    return dealt.is_lost


def cut() -> StreamingHttpResponse:
    """An answer that never comes: the server breaks the connection when its body fails.

    The head that went before names no success, for clients that look no further.
    """
    response = StreamingHttpResponse(_broken(), status=502, content_type="application/json")
    response["Content-Length"] = "1"
    return response


def _broken() -> Iterator[bytes]:
    yield from ()
    raise ConnectionAbortedError("the sandbox loses this reply")


def _is_elsewhere(request: HttpRequest, account: Account) -> bool:
    return urlsplit(f"//{request.get_host()}").hostname != urlsplit(sandbox.endpoint(account)).hostname
