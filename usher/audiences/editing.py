"""Find audiences, and change what is written beside them: name, description, owner, folder, last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import Q, QuerySet

from usher.audiences import naming
from usher.audiences.models import Audience


@dataclass(frozen=True)
class Edit:
    """What is to be written; None leaves a thing as it is, and `never_expires` takes a last day away."""

    name: str | None = None
    description: str | None = None
    owner: str | None = None
    folder: str | None = None
    expires_on: date | None = None
    never_expires: bool = False


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
        last = None if wanted.never_expires else wanted.expires_on or audience.expires_on
        if last != audience.expires_on:
            audience.expires_on, audience.expired_at = last, None
        audience.save()
