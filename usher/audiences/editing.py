"""Find audiences, and change what is written beside them: name, description, owner, folder, last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from usher.audiences import naming
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience, TagGroup
from usher.audiences.rulebook import titled


@dataclass(frozen=True)
class Edit:
    """What is to be written; None leaves a thing as it is, and `never_expires` takes a last day away."""

    name: str | None = None
    description: str | None = None
    owner: str | None = None
    folder: str | None = None
    expires_on: date | None = None
    never_expires: bool = False
    #: Of a tag; empty takes it out of its group.
    group: str | None = None


def demand_there(kind: str, folder: str) -> None:
    """AudienceError for a kind or a folder that there is not; it names those that there are."""
    if kind and kind not in Audience.Kind.values:
        raise AudienceError(f"there is no kind “{kind}”; there are {', '.join(Audience.Kind.values)}")
    if naming.clean_folder(folder) and not find(folder=folder).exists():
        folders = sorted(set(Audience.objects.exclude(folder="").values_list("folder", flat=True)))
        known = f"there are {', '.join(folders[:20])}" if folders else "there is none at all"
        raise AudienceError(f"there is no folder “{folder}”; {known}")


def demand_to_come(expires_on: date | None, now: datetime) -> None:
    """AudienceError for a last day that is past already: what is made for it would be empty at once."""
    if expires_on and expires_on < now.astimezone(ZoneInfo(settings.TIME_ZONE)).date():
        raise AudienceError(f"{expires_on} is past; write a day to come, or none")


def find(search: str = "", *, kind: str = "", folder: str = "") -> QuerySet[Audience]:
    """Audiences with the text in their name, description or owner, in a folder or below it."""
    found = Audience.objects.select_related("group")
    text = search.strip()
    if text:
        found = found.filter(
            Q(name__icontains=text) | Q(description__icontains=text) | Q(owner__icontains=text)
        )
    if kind:
        found = found.filter(kind=kind)
    path = naming.clean_folder(folder)
    if path:
        found = found.filter(Q(folder=path) | Q(folder__startswith=f"{path}/"))
    return found


def edit(audience: Audience, wanted: Edit) -> None:
    """Write it; AudienceError for a name that is spoken of, taken, or no name. All of it or nothing."""
    with transaction.atomic():
        if wanted.name is not None:
            naming.rename(audience, wanted.name)
        for field in ("description", "owner"):
            if getattr(wanted, field) is not None:
                setattr(audience, field, getattr(wanted, field))
        if wanted.folder is not None:
            audience.folder = naming.clean_folder(wanted.folder)
        if wanted.group is not None:
            audience.group = _group(audience, wanted.group)
        last = None if wanted.never_expires else wanted.expires_on or audience.expires_on
        if last != audience.expires_on:
            audience.expires_on, audience.expired_at = last, None
        audience.save()


def _group(tag: Audience, name: str) -> TagGroup | None:
    if not tag.is_tag:
        raise AudienceError(f"{titled(tag)} is no tag, so it is in no tag group; give it a folder")
    found = TagGroup.objects.filter(name=name).first()
    if name and found is None:
        known = ", ".join(TagGroup.objects.values_list("name", flat=True)) or "none"
        raise AudienceError(f"there is no tag group “{name}”; there is {known}")
    return found
