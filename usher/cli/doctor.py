"""`usher doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out


def doctor(as_json: JSON = False) -> None:
    """Check database, migrations, clock, data directory, mail path and stale work."""
    house.open_house(migrated=False)
    from usher.work import health

    findings = health.examine()
    if as_json:
        house.as_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            mark = "[green]✓[/green]" if finding.is_well else "[red]✗[/red]"
            out.print(f"{mark} {finding.what}: {finding.found}")
            if finding.mend:
                out.print(f"    {finding.mend}")
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)
