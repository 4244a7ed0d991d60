"""Uploaded files, kept until somebody has said what is to be done with them."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

#: A file that nobody said yes or no to is kept so long, in seconds.
KEPT = 86_400


class UploadError(Exception):
    """A file cannot be taken; says why, for who uploaded it."""

    retry = False


def keep(file: UploadedFile[Any], largest: int) -> str:
    """Keep an uploaded file of at most `largest` bytes; its token. UploadError when it is larger."""
    if (file.size or 0) > largest:
        raise UploadError(
            f"the file {file.name} is larger than {largest // 1_000_000} MB; cut it into several"
        )
    folder = _folder()
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEPT:
            old.unlink(missing_ok=True)
    token = secrets.token_hex(16)
    with (folder / token).open("wb") as target:
        for part in file.chunks():
            target.write(part)
    return token


def path_of(token: str) -> Path:
    """Where the file of this token is kept. UploadError when it is gone."""
    path = _folder() / token if re.fullmatch(r"[0-9a-f]{32}", token) else None
    if path is None or not path.exists():
        raise UploadError("the file is not there any more; choose it again")
    return path


def _folder() -> Path:
    folder: Path = settings.USHER_DATA_DIR / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
