"""Do an import: the whole file becomes rows in one transaction, or none of it does."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from usher.engage.accounts import limit
from usher.engage.contacts import erased
from usher.engage.contacts.fields import types_of
from usher.engage.imports import keep, merge, report
from usher.engage.imports.ahead import ahead
from usher.engage.imports.blocks import blocks
from usher.engage.imports.columns import columns_of
from usher.engage.imports.records import SheetError, records
from usher.engage.imports.sheet import Fault, check, staged
from usher.engage.models import Account, Import, Preference
from usher.engage.models.imports import ImportState
from usher.lib import statistics

log = logging.getLogger(__name__)


class TooManyContactsError(Exception):
    """The account would have more contacts than it may."""


def run(import_id: UUID | str, now: datetime) -> ImportState:
    """Import the file that was accepted under this id; doing it again changes nothing.

    Every row is counted once in the report, and every refused one is kept with its reason.
    """
    with transaction.atomic():
        found = Import.objects.select_for_update(of=("self",)).select_related("account").defer("content")
        job = found.get(pk=import_id)
        if job.state != ImportState.NOT_FINISHED:
            return ImportState(job.state)
        try:
            with transaction.atomic():  # an unreadable line takes back what was read before it
                _import(job, keep.content_of(job), now)
            job.state = ImportState.FINISHED
        except SheetError as problem:
            job.state, job.error = ImportState.INVALID_FORMAT, str(problem)
        except TooManyContactsError as problem:
            job.state, job.error = ImportState.TOO_MANY, str(problem)
        job.content, job.finished_at = b"", now
        job.save()
    return ImportState(job.state)


def fail(import_id: UUID | str, error: str, now: datetime) -> None:
    """Give an import up that ended in an error of ours."""
    Import.objects.filter(pk=import_id, state=ImportState.NOT_FINISHED).update(
        state=ImportState.FAILED, error=error, finished_at=now, content=b""
    )


def _import(job: Import, content: bytes, now: datetime) -> None:
    job.headings = next(records(content), [])
    columns = columns_of(job.headings, types_of(job.account), _preferences(job.account))
    if columns.ignored:
        log.info("import %s: no data field is named %s", job.pk, ", ".join(columns.ignored))
    merged, faults = merge.Merged(), list[Fault]()
    with connection.cursor() as cursor:
        cursor.execute(merge.STAGING)
        watch = erased.Watch(job.account)
        rows = check(blocks(content, len(job.headings)), columns)
        for checked, digests in ahead((one, watch.digests(one.keys)) for one in rows):
            faults += checked.faults
            with cursor.copy(f"copy staged ({', '.join(staged(columns))}) from stdin") as copy:
                copy.write(checked.lines)
            watch.recall(checked.keys, digests)
            merged += merge.merge(cursor, job, columns, checked.rows, now)
            cursor.execute("truncate staged, met")
        cursor.execute("drop table staged, met")
        look_at_the_limit(job.account, merged.new)
        statistics.refresh_of(merged.new, "engage_contact", "account_id", job.account_id)
        if job.list_ids:
            statistics.refresh(merged.new, "engage_membership")
        faults += _refusals(content, len(job.headings), merged.refused)
        _keep(cursor, job, faults)
    job.report = report.counters(merged.new, merged.updated, Counter(fault.reason for fault in faults))


def _preferences(account: Account) -> dict[str, int]:
    """The ids of the account's preferences by upper-case name, alone and behind their category's."""
    rows = Preference.objects.filter(account=account, is_preference=True).order_by("-pk")
    found: dict[str, int] = {}
    for one in rows.select_related("category"):
        name = one.private_name.strip().upper()
        found[name] = one.pk
        if one.category is not None:
            found[f"{one.category.private_name.strip().upper()}>{name}"] = one.pk
    return found


def look_at_the_limit(account: Account, new: int) -> None:
    """Only new contacts can be too many; TooManyContactsError takes everything back."""
    most = limit(account, "contacts")
    if new and most:
        has = account.contacts.exclude(status="Deleted").count()
        if has > most:
            raise TooManyContactsError(f"{has} contacts, and the account may have {most}")


def _refusals(content: bytes, width: int, refused: dict[int, str]) -> list[Fault]:
    """Read the file once more for the cells of rows that the database refused."""
    if not refused:
        return []
    return [
        Fault(number, block.cells(place), report.reason_of(refused[number]))
        for block in blocks(content, width)
        for place, number in enumerate(block.numbers)
        if number in refused
    ]


def _keep(cursor: Any, job: Import, faults: list[Fault]) -> None:
    if not faults:
        return
    with cursor.copy("copy engage_importfault (imported_id, row, reason, values) from stdin") as copy:
        for fault in faults:
            copy.write_row((job.pk, fault.number, fault.reason, json.dumps(fault.cells, ensure_ascii=False)))
