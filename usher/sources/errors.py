"""What can go wrong with a source, in words for the person who can mend it."""

from __future__ import annotations


class SourceError(Exception):
    """A source cannot be used. `retry` says whether the same call may succeed later without a change."""

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


class SourceRefusedError(SourceError):
    """A source can be read, but what it holds looks like an accident: no run may build on it."""
