"""Accept an import of version 3: its body is kept and its job handed on, both or neither."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from usher.engage.errors import EngageError
from usher.engage.imports import keep
from usher.engage.imports.accept import MOST_ACTIVE
from usher.engage.imports.described.tasks import run_described_import
from usher.engage.models import Account, Import
from usher.engage.models.imports import ImportState, MergeOption

#: Bytes of a body.
LARGEST = 50 * 1024 * 1024
FORM = "v3"


def accept(account: Account, content: bytes, merge: MergeOption, now: datetime) -> Import:
    """Keep a JSON body that has been looked at, and defer its import. Refused when too many are active."""
    with transaction.atomic():
        # one at a time counts, so that 25 stays 25
        Account.objects.select_for_update().get(pk=account.pk)
        if Import.objects.filter(account=account, state=ImportState.NOT_FINISHED).count() >= MOST_ACTIVE:
            raise EngageError("ERROR_IMPORT_TOOMANYACTIVEIMPORTS", f"{MOST_ACTIVE} imports are active.")
        accepted = Import.objects.create(
            account=account,
            merge_option=merge,
            file_name="contacts.json",
            form=FORM,
            created_at=now,
        )
        keep.put(accepted, content)
        lock = f"imports of account {account.pk}"
        run_described_import.configure(lock=lock).defer(import_id=str(accepted.pk))
    return accepted
