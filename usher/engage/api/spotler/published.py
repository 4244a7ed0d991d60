"""The operations that Spotler describes (published.txt, from its own description of the API)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


def is_published(method: str, path: str) -> bool:
    return any(fits.fullmatch(f"{method} {path}") for fits in _published())


@cache
def _published() -> list[re.Pattern[str]]:
    lines = Path(__file__).with_name("published.txt").read_text("ascii").splitlines()
    return [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(line))) for line in lines]
