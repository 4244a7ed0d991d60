"""The kinds of destination: one folder and one line each."""

from __future__ import annotations

from usher.destinations.base import Platform
from usher.destinations.dotdigital.client import Dotdigital

KINDS: dict[str, type[Platform]] = {
    "dotdigital": Dotdigital,
}
