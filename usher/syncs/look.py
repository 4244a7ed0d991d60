"""Look at what the platform has before planning: no call at all when it is known already."""

from __future__ import annotations

from collections.abc import Iterable

from usher.destinations.base import Platform
from usher.syncs import ledger
from usher.syncs.models import Sync
from usher.syncs.plan import There


def look(sync: Sync, platform: Platform, names: Iterable[str]) -> There:
    """The list's id and the data fields at the platform; what was seen before is not asked again.

    A destination whose settings were changed is asked which account it is: another account knows nothing
    of what was pushed to the first, so the ledger starts afresh.
    """
    if sync.reached_as != sync.destination.address:
        _recognise(sync, platform)
    wanted = {name.upper() for name in names}
    if sync.list_id and wanted <= set(sync.fields_there):
        return There(sync.list_id, sync.fields_there)
    found = sync.list_name.strip().lower()
    if not sync.list_id:
        sync.list_id = next((it.id for it in platform.lists() if it.name.strip().lower() == found), "")
    sync.fields_there = platform.fields()
    sync.save(update_fields=["list_id", "fields_there"])
    return There(sync.list_id, sync.fields_there)


def _recognise(sync: Sync, platform: Platform) -> None:
    account = platform.check().id
    if sync.account_id not in ("", account):
        ledger.clear(sync)
    sync.account_id, sync.reached_as = account, sync.destination.address
    sync.save(update_fields=["account_id", "reached_as"])
