"""Mails as somebody is writing them, kept for the frame in which they are looked at."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

from django.conf import settings

#: Seconds after which a draft is forgotten; who goes on writing makes it anew.
KEPT = 3_600


def token() -> str:
    """The name of one window's draft; nobody guesses it."""
    return secrets.token_hex(16)


def put(name: str, html: str) -> bool:
    """Keep the draft by its name, in the place of the one before; False for what is no name."""
    path = _path(name)
    if path is None:
        return False
    for old in path.parent.iterdir():
        if time.time() - old.stat().st_mtime > KEPT:
            old.unlink(missing_ok=True)
    path.write_text(html, "utf-8")
    return True


def get(name: str) -> str | None:
    """The draft of this name; None when it is not there any more."""
    path = _path(name)
    return path.read_text("utf-8") if path and path.exists() else None


def _path(name: str) -> Path | None:
    folder: Path = settings.USHER_DATA_DIR / "drafts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name if re.fullmatch(r"[0-9a-f]{32}", name) else None
