"""`usher sources`: the customer data and what is wrong with it."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

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
            out.print(f"[red]✗ {one.table}[/red] ({one.source}): {escape(one.error)}")
            continue
        as_of = f", newest row {house.when(one.data_as_of)}" if one.data_as_of else ""
        mark = "[red]✗" if one.refused else "[green]✓"
        out.print(f"{mark} {one.table}[/] ({one.source}): {one.rows or 0:,} rows{as_of}")
        out.print(f"    {escape(', '.join(f'{name} {kind}' for name, kind in one.columns.items()))}")
        for text in one.refused.values():
            out.print(f"    [red]{escape(text)}[/red]")
        for finding in one.findings:
            out.print(f"    [yellow]{finding.count:,} × {escape(finding.text)}[/yellow]")
            for place in finding.places[:5]:
                out.print(f"        {escape(str(place))}")
    if not as_json and any(one.data_as_of for one in found):
        house.say_zone()
    if any(one.error or one.refused for one in found):
        raise typer.Exit(1)


@app.command()
def accept(
    table: Annotated[str, typer.Argument(help="The table that was refused.")],
    reason: Annotated[str, typer.Option(help="Why the data are right as they are; it is kept.")],
) -> None:
    """Let through, once, what the last run or check refused of a table."""
    house.open_house()
    from usher.lib import clock
    from usher.sources import guard
    from usher.sources.models import Table

    try:
        said = guard.accept_refused(table, by=getpass.getuser(), reason=reason, at=clock.now())
    except Table.DoesNotExist:
        house.fail(f"there is no table “{table}”. See: usher sources check")
    if not said:
        house.fail(f"nothing of {table} was refused by the last run or check. See: usher sources check")
    for one in said:
        out.print(f"{one.table}: “{one.guard}” is let through by the next evaluation, once.")
