"""Errors of the messages API: what is wrong, and with which part of the message."""

from __future__ import annotations

from typing import Any

from usher.engage.api.problems import ApiError

#: The token of what a caller sent and cannot be used.
VALIDATION = "validation"


def worded(problem: ApiError) -> dict[str, Any]:
    body: dict[str, Any] = {"errorCode": problem.token, "message": problem.message}
    if problem.item:
        body["validationFailures"] = [{"paramName": problem.item, "message": problem.message}]
    return body
