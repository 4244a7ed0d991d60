"""Fixtures of Dotdigital's tests."""

from __future__ import annotations

from usher.destinations.tests.platforms import without_backoff

__all__ = ["without_backoff"]
