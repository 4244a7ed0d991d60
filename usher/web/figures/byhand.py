"""People put into an audience and taken out of it: a few by hand, many by a file that is tried first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.core.files.uploadedfile import UploadedFile

from usher.audiences import assigning, sheets
from usher.audiences.assigning import Action, Outcome, Who
from usher.audiences.errors import AudienceError
from usher.audiences.matching import Word
from usher.audiences.models import Audience
from usher.web import uploads

ACTIONS = ("add", "remove", "replace")
MATCHES = ("key", "email")
LARGEST = 200_000_000


@dataclass(frozen=True)
class File:
    """An uploaded file that is kept: its token, its own name, and the column that somebody chose of it."""

    token: str
    name: str
    column: str = ""
    match: sheets.Match | None = None


def action_of(text: str) -> Action:
    return cast(Action, text) if text in ACTIONS else "add"


def match_of(text: str) -> sheets.Match | None:
    return cast(sheets.Match, text) if text in MATCHES else None


def typed(
    audience: Audience,
    text: str,
    who: Who,
    action: Action,
    *,
    dry_run: bool = False,
    confirmed: bool = False,
) -> Outcome:
    """Whomever the typed keys and addresses mean, a line or a comma apart. AudienceError, SourceError."""
    words = _words(text)
    return assigning.assign(audience, words, who, action=action, dry_run=dry_run, confirmed=confirmed)


def _words(text: str) -> Iterator[Word]:
    found = (part.strip() for part in re.split(r"[\n,;]+", text))
    for number, part in enumerate(filter(None, found), start=1):
        yield Word(number, part, "either")


def kept(file: UploadedFile[Any]) -> str:
    """Keep an uploaded file until somebody has said yes; its token. AudienceError when it is too large."""
    try:
        return uploads.keep(file, LARGEST)
    except uploads.UploadError as problem:
        raise AudienceError(str(problem)) from None


def by_file(
    audience: Audience,
    file: File,
    who: Who,
    action: Action,
    *,
    dry_run: bool,
) -> Outcome:
    """Try a kept file, or do it, after which it is gone. ColumnError, AudienceError, SourceError."""
    path = _path(file.token)
    # whoever says "Do it" has seen what the trial told
    outcome = assigning.assign_sheet(
        audience,
        path,
        who,
        action=action,
        column=file.column,
        match=file.match,
        name=file.name,
        dry_run=dry_run,
        confirmed=True,
    )
    if not dry_run:
        path.unlink(missing_ok=True)
    return outcome


def columns(file: File) -> list[str]:
    """The names of a kept file's columns, to choose from. AudienceError."""
    return sheets.columns(_path(file.token), name=file.name)


def _path(token: str) -> Path:
    try:
        return uploads.path_of(token)
    except uploads.UploadError as problem:
        raise AudienceError(str(problem)) from None


def others(audience: Audience) -> list[Audience]:
    """Whose members can be put in."""
    return list(Audience.objects.exclude(pk=audience.pk).order_by("kind", "name"))
