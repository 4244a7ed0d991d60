"""Pages of version 3: rows by ascending key, each page with links to its neighbours.

A marker says behind which row a page begins, or before which it ends; callers take it as it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet

from usher.engage import sandbox
from usher.engage.api.manner import Call
from usher.engage.api.problems import invalid
from usher.engage.api.reading import whole

M = TypeVar("M", bound=Model)

MOST = 5000
_MARKER = re.compile(r"([<>])(\d{1,19})", re.ASCII)


@dataclass(frozen=True)
class Page(Generic[M]):
    rows: Sequence[M]
    links: dict[str, Any]


def page(call: Call, rows: QuerySet[M], *, key: str = "pk", most: int = MOST) -> Page[M]:
    """The rows that `limit` and `marker` ask for, by ascending `key`, which is each row's own."""
    limit = whole(call.query.get("limit") or most, "limit")
    if not 1 <= limit <= most:
        raise invalid(f"limit must be between 1 and {most}")
    marker = call.query.get("marker", "")
    backwards, edge = _edge(marker)
    if edge is not None:
        rows = rows.filter(**{f"{key}__lt" if backwards else f"{key}__gt": edge})
    found = list(rows.order_by(f"-{key}" if backwards else key)[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()
    links = {"self": _link(call, marker), "first": _link(call, "")}
    value = attrgetter(key)
    if found and (more if backwards else edge is not None):
        links["prev"] = _link(call, _marker("<", value(found[0])))
    if found and (backwards or more):
        links["next"] = _link(call, _marker(">", value(found[-1])))
    return Page(found, links)


def _edge(marker: str) -> tuple[bool, int | None]:
    """Does the page end before a row instead of beginning behind it; and the row's key."""
    if not marker:
        return False, None
    try:
        match = _MARKER.fullmatch(base64.urlsafe_b64decode(marker.encode()).decode("ascii"))
    except ValueError:
        match = None
    if match is None or int(match[2]) >= 2**63:
        raise invalid("marker is not one of a page's")
    return match[1] == "<", int(match[2])


def _marker(side: str, key: int) -> str:
    return base64.urlsafe_b64encode(f"{side}{key}".encode()).decode()


def _link(call: Call, marker: str) -> dict[str, str]:
    asked = {name: value for name, value in call.request.GET.items() if name.lower() != "marker"}
    query = urlencode(asked | ({"marker": marker} if marker else {}))
    path = re.sub(r"/{2,}", "/", call.request.path_info).rstrip("/")
    link = sandbox.endpoint(call.account).rstrip("/") + path
    return {"link": f"{link}?{query}" if query else link, "marker": marker}
