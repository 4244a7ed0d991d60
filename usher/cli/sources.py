"""`usher sources`: the customer data and what is wrong with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

app = typer.Typer(help="Where the customer data comes from.", no_args_is_help=True)


@app.command()
def check(as_json: JSON = False) -> None:
    """Look at every table: columns, keys, addresses, freshness; what is wrong stands with its row."""
    house.open_house()
    from usher.lib import clock
    from usher.sources.check import check as check_all

    found = check_all(clock.now())
    if as_json:
        house.as_json([asdict(one) for one in found])
    elif not found:
        out.print("No table is defined. See docs/sources.md, or apply examples/musicshop/definitions")
    for one in [] if as_json else found:
        if one.error:
            out.print(f"[red]✗ {one.table}[/red] ({one.source}): {one.error}")
            continue
        as_of = f", newest row {one.data_as_of:%Y-%m-%d %H:%M}" if one.data_as_of else ""
        out.print(f"[green]✓ {one.table}[/green] ({one.source}): {one.rows or 0:,} rows{as_of}")
        out.print(f"    {', '.join(f'{name} {kind}' for name, kind in one.columns.items())}")
        for finding in one.findings:
            out.print(f"    [yellow]{finding.count:,} × {finding.text}[/yellow]")
            for place in finding.places[:5]:
                out.print(f"        {place}")
    if any(one.error for one in found):
        raise typer.Exit(1)


@app.command()
def accept(table: Annotated[str, typer.Argument(help="The table that was refused.")]) -> None:
    """Let a table that lost many rows be used from now on as it is."""
    house.open_house()
    from usher.sources import guard
    from usher.sources.models import Table

    try:
        guard.accept(table)
    except Table.DoesNotExist:
        house.fail(f"there is no table “{table}”. See: usher sources check")
    out.print(f"{table} is taken as it is at the next evaluation.")
