"""Whom a sync wants at the platform, and with which values: the one place that asks the audiences."""

from __future__ import annotations

from usher.audiences.desired import Desired, desired
from usher.syncs.models import Sync


def wanted(sync: Sync) -> Desired:
    """The audience as last published; AudienceError when it is not there or older than it should be."""
    return desired(sync.audience, columns=sync.fields, tags=sync.all_tags)
