"""Do an import of version 3: every contact is taken or refused, and the result says which."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from usher.engage.contacts import confirm, erased
from usher.engage.contacts.fields import types_of
from usher.engage.imports import keep
from usher.engage.imports.ahead import ahead
from usher.engage.imports.described import merge, read
from usher.engage.imports.described.read import Entry, Failure
from usher.engage.imports.described.stream import Body
from usher.engage.imports.run import TooManyContactsError, look_at_the_limit
from usher.engage.models import Confirmation, Import, ImportFault
from usher.engage.models.contacts import Status
from usher.engage.models.imports import ImportState
from usher.lib import statistics

#: Why a contact is refused -> the published code and words; other reasons are the status that forbids mail.
_REFUSALS = {
    "unknown": Failure(read.CONTACT_ID, "There is no contact with this contactId"),
    "Duplicate": Failure(read.DUPLICATE, "Another contact has one of the identifiers"),
    Status.DOMAIN_SUPPRESSION: Failure("SuppressedByDomain", "The domain is suppressed"),
    Status.NOT_ALLOWED: Failure("Blocker", "The contact is blocked"),
}
SUPPRESSED = "GloballySuppressed"
#: Contacts that are written together.
TOGETHER = 10_000
#: Letters of what was sent, in a result.
LONGEST_SHOWN = 300


def run(import_id: UUID | str, now: datetime) -> ImportState:
    """Import the body that was accepted under this id; doing it again changes nothing.

    Every contact is counted once: as new, updated, suppressed, invalid or duplicate.
    """
    with transaction.atomic():
        rows = Import.objects.select_for_update(of=("self",)).select_related("account").defer("content")
        job = rows.get(pk=import_id)
        if job.state != ImportState.NOT_FINISHED:
            return ImportState(job.state)
        try:
            with transaction.atomic():
                _import(job, now)
            job.state = ImportState.FINISHED
        except TooManyContactsError as problem:
            job.state, job.error = ImportState.TOO_MANY, str(problem)
        job.content, job.finished_at = b"", now
        job.save(update_fields=["state", "error", "report", "headings", "content", "finished_at"])
    return ImportState(job.state)


def _import(job: Import, now: datetime) -> None:
    contacts = read.entries(Body(keep.content_of(job)).contacts(), types_of(job.account))
    report: Counter[str] = Counter()
    results = Results()
    job.headings = ["identifiers"]
    watch = erased.Watch(job.account)
    with connection.cursor() as cursor:
        cursor.execute(merge.STAGING)
        for block in ahead(_blocks(contacts)):
            _stage(cursor, block)
            watch.recall([one.said.draft.email.lower() for one in block if one.said])
            merged = merge.merge(cursor, job, now)
            cursor.execute("truncate staged")
            _ask(merged.asked, now)
            failed = _failures(block, merged)
            results.add(block, merged, failed)
            report.update(_report(merged, failed))
            _keep_refused(job, block, merged, failed)
        cursor.execute("drop table staged, done")
    job.report = dict(report)
    look_at_the_limit(job.account, report["newContacts"])
    keep.put_results(job, results.text())
    statistics.refresh_of(report["newContacts"], "engage_contact", "account_id", job.account_id)
    statistics.refresh(report["newContacts"] + report["updatedContacts"], "engage_membership")


def _blocks(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while block := list(islice(entries, TOGETHER)):
        yield block


def _stage(cursor: Any, entries: Iterable[Entry]) -> None:
    with cursor.copy(f"copy staged ({merge.COLUMNS}) from stdin") as copy:
        for entry in entries:
            if entry.said is not None:
                copy.write_row(_staged(entry))
    cursor.execute("analyze staged (row, asked_id, email_key, mobile_number)")


def _staged(entry: Entry) -> tuple[object, ...]:
    said = entry.said
    assert said is not None
    draft = said.draft
    return (
        entry.row,
        entry.match,
        entry.contact_id,
        draft.email,
        draft.email.lower() or None,
        draft.mobile_number or "",
        entry.data,
        draft.opt_in_type,
        draft.email_type,
        draft.sms_status,
        said.wish,
        said.without_challenge,
        said.return_url,
        list(said.lists) or None,
        json.dumps(said.preferences) if said.preferences else None,
        json.dumps([asdict(one) for one in said.consents], default=str, ensure_ascii=False)
        if said.consents
        else None,
    )


def _ask(asked: Iterable[tuple[int, str, str]], now: datetime) -> None:
    """Mail whoever has to confirm."""
    kinds = Confirmation.Kind
    wished = {
        key: (kinds.OPT_IN if status == Status.PENDING_OPT_IN else kinds.RESUBSCRIBE, url)
        for key, status, url in asked
    }
    confirm.ask_all(wished, now)


def _failures(entries: Iterable[Entry], merged: merge.Merged) -> dict[int, list[Failure]]:
    """What went wrong, by row; also with contacts that were taken."""
    failed: dict[int, list[Failure]] = defaultdict(list)
    for entry in entries:
        if entry.failures:
            failed[entry.row] += entry.failures
    for row, _, problem in merged.refused:
        suppressed = Failure(SUPPRESSED, f"The contact is {problem}")
        failed[row].append(_REFUSALS.get(problem, suppressed))
    for row, _, key, has_left in merged.wrong_lists:
        why = f"The contact has left the list {key}" if has_left else f"There is no list {key} to join"
        failed[row].append(Failure(read.LISTS, why))
    for row, _, key in merged.wrong_preferences:
        failed[row].append(Failure(read.PREFERENCES, f"There is no preference {key}"))
    return failed


class Results:
    """What became of each contact, as the reply shows it: kept as text, which is a tenth of the objects."""

    def __init__(self) -> None:
        self._told: dict[str, list[str]] = {"created": [], "updated": [], "failures": []}

    def add(
        self, entries: Iterable[Entry], merged: merge.Merged, failed: Mapping[int, Sequence[Failure]]
    ) -> None:
        """Those of a block."""
        shown: dict[str, list[Any]] = {name: [] for name in self._told}
        ids = {row: key for row, key, *_ in merged.refused if key}
        ids |= {row: key for row, key, *_ in merged.taken}
        for _, key, is_new, email, number in merged.taken:
            named = {"email": email, "mobileNumber": number}
            identifiers = {name: value for name, value in named.items() if value}
            shown["created" if is_new else "updated"].append({"contactId": key, "identifiers": identifiers})
        for entry in entries:
            if entry.row in failed:
                whose = {"contactId": ids[entry.row]} if entry.row in ids else {}
                why = [
                    {"failureCode": one.code, "description": _shown(one.text)} for one in failed[entry.row]
                ]
                shown["failures"].append(
                    whose | {"matchIdentifier": entry.match, "identifiers": _as_sent(entry), "failures": why}
                )
        for name, told in shown.items():
            if told:
                self._told[name].append(json.dumps(told, ensure_ascii=False)[1:-1])

    def text(self) -> str:
        """All of it, as JSON."""
        lists = (f'"{name}": [{", ".join(told)}]' for name, told in self._told.items())
        return "{" + ", ".join(lists) + "}"


def _keep_refused(
    job: Import, entries: Iterable[Entry], merged: merge.Merged, failed: dict[int, list[Failure]]
) -> None:
    """The contacts that were not taken, for those who look at the import's page."""
    taken = {row for row, *_ in merged.taken}
    ImportFault.objects.bulk_create(
        [
            ImportFault(
                imported=job,
                row=entry.row,
                reason=failed[entry.row][-1].code,
                values=[", ".join(f"{name}: {value}" for name, value in _as_sent(entry).items())],
            )
            for entry in entries
            if entry.row not in taken
        ],
        batch_size=2000,
    )


def _as_sent(entry: Entry) -> dict[str, str]:
    """The identifiers of a contact that could not be taken, also those that are none."""
    return {_shown(name): _shown(value) for name, value in entry.identifiers.items()}


def _shown(sent: object) -> str:
    """As a text that the database takes: without half letters, and not endless."""
    return str(sent)[:LONGEST_SHOWN].encode("utf-8", "replace").decode()


def _report(merged: merge.Merged, failed: dict[int, list[Failure]]) -> dict[str, int]:
    """The counters by the names that imports of files have; their sum is the number of contacts."""
    taken = {row for row, *_ in merged.taken}
    refused = [failures[-1].code for row, failures in failed.items() if row not in taken]
    suppressed = refused.count(SUPPRESSED)
    duplicate = refused.count(read.DUPLICATE)
    new = sum(is_new for _, _, is_new, _, _ in merged.taken)
    return {
        "newContacts": new,
        "updatedContacts": len(merged.taken) - new,
        "globallySuppressed": suppressed,
        "invalidEntries": len(refused) - suppressed - duplicate,
        "duplicateEmails": duplicate,
    }
