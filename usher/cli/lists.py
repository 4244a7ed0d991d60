"""`usher audiences add`, `remove`, `replace`, `freeze`, `edit`, `uses`, `delete`: change an audience."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from usher.cli import audiences, filling, house
from usher.cli.audiences import Name, audience_named, in_words
from usher.cli.definitions import JSON
from usher.cli.filling import Column, Csv, DryRun, From, Keys, Match, Yes
from usher.cli.house import out

app = audiences.app


@app.command()
def add(
    name: Name,
    keys: Keys = None,
    from_audience: From = None,
    csv: Csv = None,
    column: Column = "",
    match: Match = "",
    dry_run: DryRun = False,
    as_json: JSON = False,
) -> None:
    """Put customers into a static list, a tag or an external audience."""
    house.open_house()
    filling.fill(audience_named(name), "add", keys, from_audience, csv, column, match, dry_run, as_json)


@app.command()
def remove(
    name: Name,
    keys: Keys = None,
    from_audience: From = None,
    csv: Csv = None,
    column: Column = "",
    match: Match = "",
    dry_run: DryRun = False,
    as_json: JSON = False,
) -> None:
    """Take customers out of a static list, a tag or an external audience."""
    house.open_house()
    filling.fill(audience_named(name), "remove", keys, from_audience, csv, column, match, dry_run, as_json)


@app.command()
def replace(
    name: Name,
    keys: Keys = None,
    from_audience: From = None,
    csv: Csv = None,
    column: Column = "",
    match: Match = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: JSON = False,
) -> None:
    """Make these customers the members, all of them and nobody else."""
    house.open_house()
    audience = audience_named(name)
    filling.fill(audience, "replace", keys, from_audience, csv, column, match, dry_run, as_json, yes)


@app.command()
def freeze(
    name: Name,
    new: Annotated[str, typer.Argument(help="The name of the frozen list.")],
    as_of: Annotated[
        str | None, typer.Option(help="Of the last evaluation at this moment or date; default the last one.")
    ] = None,
    folder: Annotated[str, typer.Option(help="Where the frozen list stands.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Keep the members of an audience for good, in a frozen list of its own."""
    house.open_house()
    from usher.audiences import frozen
    from usher.lib import clock

    with in_words():
        made = frozen.freeze(
            audience_named(name),
            new,
            as_of=house.moment(as_of) if as_of else None,
            by=getpass.getuser(),
            at=clock.now(),
            folder=folder,
            description=description,
        )
    assert made.frozen_at
    as_it_was = f"{made.frozen_from} as of {house.when(made.frozen_at)} ({house.zone().key})"
    out.print(f"Froze {made.assignments.count():,} of {as_it_was}.", markup=False)


@app.command()
def uses(name: Name, as_json: JSON = False) -> None:
    """What depends on an audience: rules, syncs, programs, campaigns, seed plans."""
    house.open_house()
    from dataclasses import asdict

    from usher.definitions.uses import uses as uses_of

    found = uses_of(audience_named(name))
    if as_json:
        house.as_json([asdict(use) for use in found])
        return
    for use in found:
        out.print(str(use), markup=False)
    if not found:
        out.print("Nothing depends on it.")


@app.command()
def edit(
    name: Name,
    rename: Annotated[str | None, typer.Option(help="Another name (of a list).")] = None,
    folder: Annotated[str | None, typer.Option(help="Marketing/Opera; empty for the top.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    expires_on: Annotated[
        str | None, typer.Option(help="Empty from this day on: 2030-01-01, or never.")
    ] = None,
) -> None:
    """Write another name, folder, owner, description or last day."""
    house.open_house()
    from datetime import date

    from usher.audiences import editing
    from usher.definitions import hints
    from usher.lib import clock

    never = expires_on == "never"
    try:
        day = date.fromisoformat(expires_on) if expires_on and not never else None
    except ValueError:
        house.fail(f"{expires_on} is not a day; write 2030-01-01 or never")
    with in_words():
        wanted = editing.Edit(rename, description, owner, folder, day, never)
        editing.demand_to_come(day, clock.now())
        audience = audience_named(name)
        old = audience.name
        editing.edit(audience, wanted)
    for hint in hints.after_renaming(audience, old):
        out.print(hint, markup=False)


@app.command()
def delete(
    name: Name,
    kind: Annotated[str, typer.Option(help="Where a list, a tag and a segment share the name.")] = "",
) -> None:
    """Delete an audience with its history, unless something depends on it; then that is said."""
    house.open_house()
    from usher.audiences.rulebook import titled
    from usher.definitions.remove import remove_audience

    audience = audience_named(name, (kind,) if kind else ())
    said = titled(audience)
    with in_words():
        remove_audience(audience)
    out.print(f"Deleted {said}.", markup=False)
