"""Accept an import: the file is kept and its job handed on, both or neither."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from usher.engage.errors import EngageError
from usher.engage.imports import keep
from usher.engage.imports.columns import columns_of
from usher.engage.imports.records import SheetError, is_workbook, records
from usher.engage.imports.tasks import run_import
from usher.engage.models import Account, ContactList, Import
from usher.engage.models.imports import ImportState, MergeOption

#: Imports of one account that may wait or run at the same time.
MOST_ACTIVE = 25
#: How files of other kinds begin (in lower case), and what they are.
_OTHERS = {
    b"%pdf-": "a PDF",
    b"{\\rtf": "a text of Word",
    b"\x1f\x8b": "compressed by gzip",
    b"\x89png": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"gif8": "a picture",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<?xml": "XML",
}
#: Bytes of a file.
LARGEST = 10 * 1024 * 1024


def accept(
    account: Account,
    file_name: str,
    content: bytes,
    now: datetime,
    *,
    lists: Sequence[ContactList] = (),
    merge: MergeOption = MergeOption.OVERWRITE,
) -> Import:
    """Keep a CSV or Excel file of contacts and defer its import. Refused when it is neither, lacks an Email
    column, is too large, or too many imports are active."""
    _check(content)
    with transaction.atomic():
        # one at a time counts, so that 25 stays 25
        Account.objects.select_for_update().get(pk=account.pk)
        if Import.objects.filter(account=account, state=ImportState.NOT_FINISHED).count() >= MOST_ACTIVE:
            raise EngageError("ERROR_IMPORT_TOOMANYACTIVEIMPORTS", f"{MOST_ACTIVE} imports are active.")
        accepted = Import.objects.create(
            account=account,
            list_ids=[one.pk for one in lists],
            merge_option=merge,
            file_name=file_name[:255],
            created_at=now,
        )
        keep.put(accepted, content)
        run_import.configure(lock=f"imports of account {account.pk}").defer(import_id=str(accepted.pk))
    return accepted


def accept_collection(
    account: Account,
    contacts: Sequence[Mapping[str, object]],
    now: datetime,
    *,
    lists: Sequence[ContactList] = (),
    merge: MergeOption = MergeOption.OVERWRITE,
) -> Import:
    """The same for contacts that came as objects: each a mapping from heading to value, with an Email."""
    headings = list(dict.fromkeys(name for contact in contacts for name in contact)) or ["Email"]
    text = io.StringIO()
    writer = csv.DictWriter(text, headings, restval="")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in contact.items()} for contact in contacts)
    return accept(account, "collection.csv", text.getvalue().encode(), now, lists=lists, merge=merge)


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _check(content: bytes) -> None:
    if len(content) > LARGEST:
        raise EngageError("ERROR_IMPORT_UNSUPPORTED_FORMAT", f"The file has more than {LARGEST // 2**20} MB.")
    for mark, kind in _OTHERS.items():
        if content[:64].lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(mark):
            raise EngageError("ERROR_IMPORT_UNSUPPORTED_FORMAT", f"Neither CSV nor Excel: it is {kind}.")
    try:
        is_workbook(content)
    except SheetError as problem:
        raise EngageError("ERROR_IMPORT_UNSUPPORTED_FORMAT", f"Neither CSV nor Excel: {problem}.") from None
    try:
        columns_of(next(records(content), []), {})
    except SheetError as problem:
        if str(problem).startswith("no column"):
            raise EngageError("ERROR_NO_EMAIL_COLUMN", "No column is headed Email.") from None
