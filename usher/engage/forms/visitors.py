"""Who stands behind a request, as far as it says, and how often they may post."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

from usher.engage.tally import tally

#: Posts from one address within PERIOD seconds, over all forms and processes of this machine.
MOST, PERIOD = 20, 600
SLOTS = 8192


def address(request: HttpRequest) -> str | None:
    """The visitor's network address; that of a proxy in front of us is told by the proxy."""
    near = _ip(request.META.get("REMOTE_ADDR", ""))
    if near is not None and ip_address(near).is_private:
        # the last entry is the nearest proxy's own; those before it are what a visitor says
        said = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        return _ip(said.strip()) or near
    return near


def user_agent(request: HttpRequest) -> str:
    return str(request.headers.get("User-Agent", "")).replace("\0", "")[:300]


def may_post(request: HttpRequest, now: datetime) -> bool:
    """Count one post; False when this visitor has posted too often lately. Addresses are not kept."""
    period = int(now.timestamp()) // PERIOD
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"form {address(request)}".encode(), hashlib.sha256)
    slot = int.from_bytes(digest[:8], "big") % SLOTS
    counts = tally("form-posts", SLOTS, 1)
    with counts.held():
        if counts.counts(slot, period)[0] >= MOST:
            return False
        counts.add(slot, period, [0])
    return True


def _ip(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
