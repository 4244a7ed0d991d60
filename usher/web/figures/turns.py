"""Who came into an audience and went out of it between two dates, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.http import HttpRequest

from usher.audiences import history
from usher.audiences.models import Audience, Evaluation
from usher.web.paging import ROWS


@dataclass(frozen=True)
class Asked:
    """The two days as they stand in the form, and the moments that they mean."""

    start: str
    end: str
    change: history.Change | None
    #: Evaluations later than this, and not later than `until`.
    since: datetime
    until: datetime

    @property
    def first(self) -> datetime:
        return self.since + timedelta(microseconds=1)

    @property
    def last(self) -> datetime:
        return self.until


def asked(audience: Audience, given: Mapping[str, str], now: datetime) -> Asked:
    """All of both days; without them since the last evaluation but one, up to now."""
    zone = ZoneInfo(settings.TIME_ZONE)
    first, last = _day(given.get("from", "")), _day(given.get("to", ""))
    since = datetime.combine(first, time(), zone) - timedelta(microseconds=1) if first else _before_last(now)
    until = (
        datetime.combine(last + timedelta(days=1), time(), zone) - timedelta(microseconds=1) if last else now
    )
    kind = given.get("change", "")
    change: history.Change | None = "gained" if kind == "gained" else "lost" if kind == "lost" else None
    return Asked(first.isoformat() if first else "", last.isoformat() if last else "", change, since, until)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _before_last(now: datetime) -> datetime:
    """Just before the last evaluation: what it changed is shown."""
    done = Evaluation.objects.filter(state=Evaluation.State.DONE, now__lte=now).order_by("-number")
    last = done.first()
    return (last.now if last else now) - timedelta(microseconds=1)


def page(audience: Audience, given: Asked, request: HttpRequest) -> Page[Any]:
    """The page that `?page=` asks for. AudienceError, SourceError."""
    text = request.GET.get("page", "")
    number = max(1, int(text)) if text.isdecimal() and len(text) < 9 else 1
    found = history.between(
        audience,
        given.since,
        given.until,
        change=given.change,
        offset=(number - 1) * ROWS,
        limit=ROWS,
    )
    whole = Paginator(range(found.total), ROWS)
    return Page(list(found.turns), min(number, whole.num_pages), whole)
