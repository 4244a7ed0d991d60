"""Tables of the sources as people ask about them: how many rows, how new, is something wrong."""

from __future__ import annotations

from dataclasses import dataclass

from usher.sources.findings import Finding
from usher.sources.models import Source, Table


@dataclass(frozen=True)
class Sheet:
    """One table. `rows` are those that the last good evaluation built on, else those last found."""

    table: Table
    rows: int | None
    state: str
    findings: list[Finding]


def sheets() -> dict[Source, list[Sheet]]:
    """Every source with its tables."""
    sources = Source.objects.prefetch_related("tables").order_by("name")
    return {source: [_sheet(table) for table in source.tables.all()] for source in sources}


def _sheet(table: Table) -> Sheet:
    findings = [Finding.from_json(stored) for stored in table.problems]
    rows = table.rows if table.good_rows is None else table.good_rows
    if any(finding.kind == "error" for finding in findings):
        state = "unreadable"
    elif findings:
        state = "problems"
    else:
        state = "unread" if rows is None else "read"
    return Sheet(table, rows, state, findings)
