"""Tables of the sources as people ask about them: how many rows, how new, is something wrong."""

from __future__ import annotations

from dataclasses import dataclass

from usher.sources.findings import Finding
from usher.sources.models import Acceptance, Source, Table

#: Findings whose rows are not used; the others speak of rows that are.
LEFT_OUT = ("bad_rows", "missing_keys", "duplicate_keys", "orphans")


@dataclass(frozen=True)
class Sheet:
    """One table. `rows` are those that the last good evaluation built on, else those last found."""

    table: Table
    rows: int | None
    state: str
    findings: list[Finding]
    #: Guard -> what it refused; what was accepted already and waits for the next run is not among them.
    refused: dict[str, str]
    waiting: list[Acceptance]
    links: list[Link]


@dataclass(frozen=True)
class Link:
    """A row of the table speaks of a row of `table`, by `column`; `own` when that is whose row it is."""

    column: str
    table: str
    own: bool = False


def sheets() -> dict[Source, list[Sheet]]:
    """Every source with its tables."""
    sources = Source.objects.prefetch_related("tables").order_by("name")
    subject = Table.objects.filter(subject=True).first()
    waiting: dict[int, list[Acceptance]] = {}
    for one in Acceptance.objects.filter(used_at=None).order_by("id"):
        waiting.setdefault(one.table_id, []).append(one)
    return {
        source: [_sheet(table, subject, waiting.get(table.pk, [])) for table in source.tables.all()]
        for source in sources
    }


def _sheet(table: Table, subject: Table | None, waiting: list[Acceptance]) -> Sheet:
    findings = [Finding.from_json(stored) for stored in table.problems]
    rows = table.rows if table.good_rows is None else table.good_rows
    accepted = {one.guard for one in waiting}
    refused = {guard: said for guard, said in table.refusals.items() if guard not in accepted}
    if any(finding.kind == "error" for finding in findings):
        state = "unreadable"
    elif refused:
        state = "refused"
    elif any(finding.kind in LEFT_OUT for finding in findings):
        state = "problems"
    elif findings:
        state = "remarks"
    else:
        state = "unread" if rows is None else "read"
    return Sheet(table, rows, state, findings, refused, waiting, _links(table, subject))


def _links(table: Table, subject: Table | None) -> list[Link]:
    found = [Link(link["column"], link["table"]) for link in table.links.values()]
    if subject and not table.subject and not table.lookup:
        found.insert(0, Link(table.key, subject.name, own=True))
    return found
