"""Is a reply as it is described? Asked of every reply that the engine gives in its tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from usher.engage.tests.conformance.contradictions import (
    ALSO_ANSWERED,
    BODY_IS_ANOTHER,
    OVERLOOKED,
    OWN_WORDS,
    UNDESCRIBED,
)
from usher.engage.tests.conformance.described import Operation, meant, tokens, validator

#: Answered before an operation is looked for, or instead of one.
ANYWHERE = {401, 403, 404, 405, 413, 415, 429, 500, 503}


def problems(method: str, path: str, status: int, content_type: str, body: bytes) -> list[str]:
    """What is wrong with a reply, one line each; it has to fit one of the operations that it may be of."""
    if status >= 400:
        return list(_of_error(path, status, content_type, body))
    found = meant(method, path)
    if not found:
        return (
            [] if UNDESCRIBED.fullmatch(f"{method} {_plain(path)}") else [f"{method} {path} is not described"]
        )
    attempts = [list(_of_reply(one, status, content_type, body)) for one in found]
    return min(attempts, key=len)


def _of_reply(operation: Operation, status: int, content_type: str, body: bytes) -> Iterator[str]:
    also = ALSO_ANSWERED.get(str(operation), {})
    if status not in operation.statuses and status not in also:
        yield f"{operation}: {status} is not among {sorted(operation.statuses)}"
        return
    if status not in operation.statuses or str(operation) in BODY_IS_ANOTHER:
        return
    checks = validator(operation, status)
    if checks is None:
        return
    if not content_type.startswith("application/json"):
        yield f"{operation}: the content type is {content_type!r}"
        return
    overlooked = OVERLOOKED.get(str(operation), {})
    for error in checks.iter_errors(json.loads(body)):
        for line in _leaves(error):
            named = next((step for step in reversed(line.absolute_path) if isinstance(step, str)), "")
            if (line.validator, named) not in overlooked:
                yield f"{operation}: {line.json_path} {line.message[:300]}"


def _leaves(error: Any) -> Iterator[Any]:
    """Of alternatives, what is wrong with the nearest one."""
    if not error.context:
        yield error
        return
    branches: dict[Any, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    for inner in max(branches.values(), key=lambda one: max(len(each.path) for each in one)):
        yield from _leaves(inner)


def _of_error(path: str, status: int, content_type: str, body: bytes) -> Iterator[str]:
    if not content_type.startswith("application/json"):
        yield f"{path}: an error of {content_type!r}"
        return
    told = json.loads(body)
    if not isinstance(told, dict):
        yield f"{path}: an error that is no object"
    elif _plain(path).startswith(("/v2/", "/engage/")) or status == 401:
        yield from _of_v2_error(path, told)
    elif not isinstance(told.get("errorCode"), str):
        yield f"{path}: an error without errorCode: {told}"


def _of_v2_error(path: str, told: dict[str, Any]) -> Iterator[str]:
    if list(told) != ["message"] or not isinstance(told["message"], str):
        yield f"{path}: an error that is no message: {told}"
        return
    token = re.search(r"\bERROR_\w+", told["message"])
    if token is None and told["message"] not in OWN_WORDS:
        yield f"{path}: an error without a token: {told}"
    elif token and token[0] not in tokens():
        yield f"{path}: {token[0]} is not published"


def _plain(path: str) -> str:
    return re.sub(r"/{2,}", "/", path).rstrip("/")
