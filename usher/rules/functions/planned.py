"""Functions that belong to the language and cannot be run yet: naming one says so, instead of "unknown"."""

from __future__ import annotations

PLANNED = frozenset({"list"})
