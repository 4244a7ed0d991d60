"""Fixtures of the destinations' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from usher.destinations.tests import published
from usher.destinations.tests.platforms import any_platform

__all__ = ["any_platform"]


@pytest.fixture
def dotdigital() -> Iterator[published.Published]:
    with published.serve() as account:
        yield account
