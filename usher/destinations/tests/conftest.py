"""Fixtures of the destinations' tests."""

from __future__ import annotations

from usher.destinations.tests.platforms import any_platform, without_backoff

__all__ = ["any_platform", "without_backoff"]
