"""A body as its caller wrote it: for what comes back later with its keys in their own case."""

from __future__ import annotations

import json
from typing import Any

from usher.engage.api.manner import Call
from usher.engage.api.problems import invalid


def as_sent(call: Call) -> Any:
    """The same as `call.body`, whose checks it has passed, with its keys untouched."""
    checked = call.body
    return checked and json.loads(call.request.body.decode("utf-8-sig"), parse_float=_finite)


def _finite(text: str) -> float:
    if abs(number := float(text)) == float("inf"):
        raise invalid(f"{text[:20]} is too large.", "ERROR_MALFORMED_REQUEST")
    return number
