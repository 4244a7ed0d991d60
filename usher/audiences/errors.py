"""What can go wrong with audiences.

AudienceError
├── InUseError         another audience needs it
├── NotConfirmedError  it would take most or all members out, and nobody said that this is meant
├── NotEvaluatedError  no evaluation has published it yet
└── StaleError         the last evaluation failed or was refused; the last good result is older
"""

from __future__ import annotations


class AudienceError(Exception):
    """An audience cannot be used as asked; the message says which, why, and what to do."""

    retry = False


class InUseError(AudienceError):
    """Another audience's rule speaks of this one."""


class NotConfirmedError(AudienceError):
    """New members would take most or all of the old ones out, which has to be confirmed."""


class NotEvaluatedError(AudienceError):
    """No evaluation has published this audience or field yet."""

    retry = True


class StaleError(AudienceError):
    """The last evaluation failed or was refused, so what is published is older than it should be."""

    retry = True
