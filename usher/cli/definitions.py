"""`usher apply` and `usher export`."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from usher.cli import house
from usher.cli.house import err, out

#: So many are told in a terminal.
HINTS = 20
JSON = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def apply(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of YAML files.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Make the definitions of DIR true: all of them or none. The same folder again changes nothing."""
    house.open_house()
    from usher.definitions import hints
    from usher.definitions.apply import apply as apply_folder
    from usher.definitions.errors import DefinitionsError
    from usher.lib import clock

    try:
        changes = apply_folder(folder, by=getpass.getuser(), now=clock.now(), keep=not dry_run)
    except DefinitionsError as problem:
        for fault in problem.faults:
            err.print(f"[red]✗[/red] {escape(str(fault))}")
        if problem.left:
            err.print(f"  {escape(problem.left)}")
        house.fail(f"nothing was applied: {len(problem.faults)} to mend")
    if as_json:
        house.as_json([{**change.__dict__, "hints": hints.of_change(change)} for change in changes])
        return
    shown = [change for change in changes if change.action != "unchanged"]
    for change in shown:
        out.print(f"{'+' if change.action == 'created' else '~'} {change}")
    said = [f"{change.kind} “{change.name}”: {hint}" for change in shown for hint in hints.of_change(change)]
    for line in said[:HINTS]:
        err.print(f"[yellow]{escape(line)}[/yellow]")
    if len(said) > HINTS:
        err.print(f"[yellow]… and {len(said) - HINTS:,} more tags (--json tells all)[/yellow]")
    same = len(changes) - len(shown)
    out.print(f"{'Would change' if dry_run else 'Changed'} {len(shown)}, unchanged {same}.")


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the YAML files.")],
) -> None:
    """Write everything that is defined as YAML files that `usher apply` reads (without secrets)."""
    house.open_house()
    from usher.definitions.export import export as export_to

    try:
        written = export_to(folder)
    except OSError as problem:
        house.fail(f"{folder} cannot be written: {problem}")
    for path in written:
        out.print(str(path))
