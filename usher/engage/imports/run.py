"""Do an import: the whole file becomes rows in one transaction, or none of it does."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from usher.engage.contacts.fields import types_of
from usher.engage.imports import merge, report
from usher.engage.imports.sheet import Columns, Row, SheetError, columns_of, rows
from usher.engage.models import Import
from usher.engage.models.imports import ImportState
from usher.lib import statistics

log = logging.getLogger(__name__)


def run(import_id: UUID | str, now: datetime) -> ImportState:
    """Import the file that was accepted under this id; doing it again changes nothing.

    Every row is counted once in the report, and every refused one is kept with its reason.
    """
    with transaction.atomic():
        job = Import.objects.select_for_update().select_related("account").get(pk=import_id)
        if job.state != ImportState.NOT_FINISHED:
            return ImportState(job.state)
        try:
            with transaction.atomic():  # an unreadable line takes back what was read before it
                _import(job, bytes(job.content), now)
            job.state = ImportState.FINISHED
        except SheetError as problem:
            job.state, job.error = ImportState.INVALID_FORMAT, str(problem)
        job.content, job.finished_at = b"", now
        job.save()
    return job.state


def fail(import_id: UUID | str, error: str, now: datetime) -> None:
    """Give an import up that ended in an error of ours."""
    Import.objects.filter(pk=import_id, state=ImportState.NOT_FINISHED).update(
        state=ImportState.FAILED, error=error, finished_at=now, content=b""
    )


def _import(job: Import, content: bytes, now: datetime) -> None:
    columns = columns_of(content, types_of(job.account))
    job.headings = columns.headings
    if columns.ignored:
        log.info("import %s: no data field is named %s", job.pk, ", ".join(columns.ignored))
    with connection.cursor() as cursor:
        faults = _stage(cursor, rows(content, columns))
        refused = merge.refuse(cursor, job.account_id, job.list_ids)
        accepted = merge.merge(cursor, job.account_id, job.list_ids, job.merge_option, now)
        statistics.refresh(accepted[0], "engage_contact", "engage_membership")
        if refused:
            faults += _refusals(content, columns, refused)
        _keep(cursor, job, faults)
        cursor.execute("drop table staged")
    job.report = report.counters(*accepted, Counter(fault.fault for fault in faults))


def _stage(cursor: Any, found: Iterable[Row]) -> list[Row]:
    """Copy the good rows into the staging table; the faulty ones are returned."""
    faults = []
    cursor.execute(merge.STAGING)
    with cursor.copy(merge.COPY) as copy:
        write = copy.write_row
        for row in found:
            if row.fault:
                faults.append(row)
            else:
                write((row.number, row.email, row.email.lower(), row.opt_in_type, row.email_type, row.data))
    cursor.execute("analyze staged")
    return faults


def _refusals(content: bytes, columns: Columns, refused: dict[int, str]) -> list[Row]:
    """Read the file once more for the cells of rows that the database refused."""
    return [
        Row(row.number, row.cells, report.REFUSALS[refused[row.number]][0])
        for row in rows(content, columns)
        if row.number in refused
    ]


def _keep(cursor: Any, job: Import, faults: list[Row]) -> None:
    if not faults:
        return
    with cursor.copy("copy engage_importfault (imported_id, row, reason, values) from stdin") as copy:
        for fault in faults:
            copy.write_row((job.pk, fault.number, fault.fault, json.dumps(fault.cells, ensure_ascii=False)))
