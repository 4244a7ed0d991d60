"""Audiences with what was last published of them, their rule in words, and who builds on them."""

from __future__ import annotations

from calendar import timegm
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from typing import Any

from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from usher.audiences import editing
from usher.audiences.models import Audience, Evaluation, Snapshot, TagGroup
from usher.audiences.published import Night
from usher.definitions.overview import Seen, overview
from usher.sources.models import Table
from usher.web.paging import page_of


@dataclass(frozen=True)
class Listed:
    """A page of audiences, those of one folder together."""

    page: Page[Any]
    folders: list[tuple[str, list[Seen]]]
    #: Every folder that there is, for the choice.
    all_folders: list[str]
    #: Whether the customers' table is defined, without which no rule can be worked out.
    sourced: bool


def listed(request: HttpRequest, now: datetime) -> Listed:
    """What `?q=`, `?kind=` and `?folder=` ask for."""
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "kind", "folder")}
    found = editing.find(asked["q"], kind=asked["kind"], folder=asked["folder"])
    page = page_of(request, found.order_by("folder", "kind", "name"))
    seen = overview(page.object_list, now)
    grouped = [(folder, list(rows)) for folder, rows in groupby(seen, key=lambda one: one.audience.folder)]
    known = Audience.objects.exclude(folder="").order_by("folder").values_list("folder", flat=True)
    return Listed(page, grouped, list(known.distinct()), Table.objects.filter(subject=True).exists())


def seen(audience: Audience, now: datetime) -> Seen:
    [one] = overview([audience], now)
    return one


def _published() -> QuerySet[Snapshot]:
    """Snapshots of published evaluations, the newest first."""
    return Snapshot.objects.filter(evaluation__state=Evaluation.State.DONE).order_by("-evaluation__number")


def snapshot_of(audience: Audience) -> Snapshot | None:
    return _published().filter(audience=audience).select_related("evaluation").first()


def chart(history: list[Night]) -> dict[str, list[Any]]:
    """x: the moment as it stands on the organisation's wall (seconds, read as UTC); y: members.

    The order is that of publication: one as of an earlier moment stands just after what it replaced.
    """
    at: list[int] = []
    shown = []
    for night, earlier in told(history):
        now = timezone.localtime(night.now)
        moment = timegm(now.timetuple())
        at.append(max(moment, at[-1] + 1) if at else moment)
        shown.append(
            date_format(now, "j M Y") + (_(", an earlier moment, published later") if earlier else "")
        )
    return {"x": at, "y": [night.size for night in history], "shown": shown}


def told(history: list[Night]) -> list[tuple[Night, bool]]:
    """Every night in the order of publication, and whether it is as of an earlier moment than one before."""
    newest = accumulate((night.now for night in history), max)
    return [(night, night.now < latest) for night, latest in zip(history, newest, strict=True)]


def customers() -> int | None:
    """Rows of the customers' table when it was last read."""
    return Table.objects.filter(subject=True).values_list("rows", flat=True).first()


def grouped(now: datetime) -> list[tuple[TagGroup | None, list[Seen]]]:
    """Every group with its tags; those without a group last."""
    tags = Audience.objects.filter(kind__in=(Audience.Kind.TAG, Audience.Kind.AUTO_TAG))
    seen = overview(tags.select_related("group").order_by("name"), now)
    groups: list[TagGroup | None] = list(TagGroup.objects.all())
    if any(one.audience.group_id is None for one in seen):
        groups.append(None)
    return [
        (group, [one for one in seen if one.audience.group_id == (group.pk if group else None)])
        for group in groups
    ]
