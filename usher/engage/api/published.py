"""Which operations Dotdigital describes (published.txt, from its OpenAPI files), and which are served."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from django.urls import Resolver404, resolve


def is_published(method: str, path: str) -> bool:
    """Does Dotdigital describe this operation?"""
    return any(fits.fullmatch(path) for fits in _published().get(method, {}).values())


def is_built(method: str, path: str, urlconf: str) -> bool:
    """Is the operation served, so that only the id in the path is none?"""
    served = [one for one, fits in _published().get(method, {}).items() if fits.fullmatch(path)]
    for template in served:
        try:
            resolve(re.sub(r"\{\w+\}", "1", template), urlconf)
        except Resolver404:
            continue
        return True
    return False


@cache
def _published() -> Mapping[str, dict[str, re.Pattern[str]]]:
    """Method -> the paths described for it (from the published OpenAPI files), each with what fits it."""
    found: dict[str, dict[str, re.Pattern[str]]] = {}
    for line in Path(__file__).with_name("published.txt").read_text("ascii").splitlines():
        method, template = line.split()
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        found.setdefault(method, {})[template] = re.compile(pattern)
    return found
