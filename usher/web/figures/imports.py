"""Imports of contacts as the pages show them: what waits, what came of each, and the rows left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from usher.engage.imports import accept, report
from usher.engage.models import Account, ContactList, Import, ImportFault
from usher.engage.models.imports import ImportState, MergeOption
from usher.engage.models.lists import ListKind

LARGEST = accept.LARGEST


def imports(account: Account) -> QuerySet[Import]:
    return Import.objects.filter(account=account).defer("content", "results", "headings")


def left_out(row: Import) -> int:
    """How many rows of the file were not taken over."""
    counts = report.published(row.report)
    return rows(row) - counts["newContacts"] - counts["updatedContacts"]


def lists(account: Account) -> QuerySet[ContactList]:
    """The lists that a file can put people on."""
    return ContactList.objects.filter(account=account, kind=ListKind.LIST).order_by("name")


def begin(
    account: Account,
    name: str,
    content: bytes,
    now: datetime,
    joins: Sequence[ContactList],
    merge: MergeOption,
) -> Import:
    """Hand the file on to be imported. EngageError says why not."""
    return accept.accept(account, name, content, now, lists=joins, merge=merge)


def waits_for(row: Import) -> int:
    """How many imports of the account are done before this one."""
    earlier = Import.objects.filter(account=row.account_id, state=ImportState.NOT_FINISHED)
    return earlier.filter(created_at__lt=row.created_at).count()


def told(row: Import) -> list[tuple[str, int]]:
    """The report in words: what there is any of; new and updated contacts always."""
    counts = report.published(row.report)
    names = {"newContacts": _("new contacts"), "updatedContacts": _("contacts that were there")} | _left_out()
    always = ("newContacts", "updatedContacts")
    return [(said, counts[name]) for name, said in names.items() if counts[name] or name in always]


def _left_out() -> dict[str, str]:
    return {
        "invalidEntries": _("rows with an address that cannot be right"),
        "duplicateEmails": _("rows with an address that stood above"),
        "unsubscribed": _("unsubscribed"),
        "suppressedContacts": _("suppressed"),
        "globallySuppressed": _("suppressed everywhere"),
        "domainSuppressed": _("of a suppressed domain"),
        "hardBounced": _("hard bounced"),
        "softBounced": _("soft bounced"),
        "ispComplaints": _("complained"),
        "mailBlocked": _("blocked"),
        "blocked": _("not allowed"),
        "pendingDoubleOptin": _("wait for opt-in"),
        "failures": _("rows with something that does not fit"),
    }


def rows(row: Import) -> int:
    """How many rows of the file hold anything."""
    return sum(report.published(row.report).values())


def faults(row: Import) -> QuerySet[ImportFault]:
    return ImportFault.objects.filter(imported=row)


def value_at_fault(row: Import, fault: ImportFault) -> str:
    """What stood in the column that the reason names, if it names one."""
    named = fault.reason.partition(": ")[2]
    places = [place for place, heading in enumerate(row.headings) if named and heading.startswith(named)]
    return str(fault.values[places[0]]) if places and places[0] < len(fault.values) else ""


def exported(row: Import) -> Iterator[Sequence[Any]]:
    """Every row left out: its line in the file, why, and its cells."""
    found = faults(row).order_by("row").values_list("row", "reason", "values")
    for number, reason, values in found.iterator():
        yield [number + 1, reason, *values]
