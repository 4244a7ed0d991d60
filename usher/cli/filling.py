"""Putting people in and taking them out: the words that `usher tags` and `usher audiences` share."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from usher.cli import house
from usher.cli.audiences import audience_named, in_words
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.audiences.assigning import Action, Outcome
    from usher.audiences.models import Audience

Keys = Annotated[list[str] | None, typer.Argument(metavar="KEY…", help="Customers, by key or address.")]
From = Annotated[str | None, typer.Option("--from-audience", help="Every member of this audience.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="A CSV file; its first row names the columns.")]
Column = Annotated[str, typer.Option(help="The file's column that says who (else it is recognised).")]
Match = Annotated[str, typer.Option(help="What that column holds: key or email.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would happen, and do nothing.")]

Yes = Annotated[
    bool, typer.Option("--yes", help="Although nobody, or less than half of the old members, would stay.")
]


def fill(
    audience: Audience,
    action: Action,
    keys: list[str] | None,
    from_audience: str | None,
    csv: Path | None,
    column: str,
    match: str,
    dry_run: bool,
    as_json: bool,
    confirmed: bool = False,
) -> None:
    """Carry out one command, of which exactly one of keys, audience and file says who is meant."""
    from dataclasses import asdict

    if sum(map(bool, (keys, from_audience, csv))) != 1:
        house.fail("say who: keys or addresses, or --from-audience, or --csv, one of them")
    if match not in ("", "key", "email"):
        house.fail(f"--match is key or email, not {match}")
    from usher.audiences.errors import NotConfirmedError

    with in_words():
        try:
            done = _done(audience, action, keys, from_audience, csv, column, match, dry_run, confirmed)
        except NotConfirmedError as problem:
            house.fail(escape(f"{problem}: add --yes (--dry-run tells what would happen)"))
    if as_json:
        house.as_json(asdict(done))
    else:
        _print(audience, done)
    left = done.unknown or done.ambiguous or done.bad
    kept = audience.kind == "external" and done.action != "remove" and done.unknown
    if left and (keys or not (done.matched or done.removed or kept)):
        raise typer.Exit(1)


def _done(
    audience: Audience,
    action: Action,
    keys: list[str] | None,
    from_audience: str | None,
    csv: Path | None,
    column: str,
    match: str,
    dry_run: bool,
    confirmed: bool,
) -> Outcome:
    from usher.audiences.assigning import Who, assign, assign_members, assign_sheet
    from usher.audiences.matching import Word
    from usher.lib import clock

    who = Who(getpass.getuser(), clock.now(), "import" if csv else "user")
    if csv:
        what: Literal["key", "email"] | None = "key" if match == "key" else "email" if match else None
        return assign_sheet(
            audience,
            csv,
            who,
            action=action,
            column=column,
            match=what,
            dry_run=dry_run,
            confirmed=confirmed,
        )
    if from_audience:
        other = audience_named(from_audience)
        return assign_members(audience, other, who, action=action, dry_run=dry_run, confirmed=confirmed)
    words = [Word(row, text, "either") for row, text in enumerate(keys or (), start=1)]
    return assign(audience, words, who, action=action, dry_run=dry_run, confirmed=confirmed)


def _print(audience: Audience, done: Outcome) -> None:
    would = "would be " if done.dry_run else ""
    column = f" (column “{done.column}”, by {done.match})" if done.column else ""
    out.print(f"{done.read:,} read, {done.matched:,} customers{column}", markup=False)
    if done.action != "remove":
        out.print(f"  {done.added:>9,} {would}put into “{audience.name}”", markup=False)
    if done.action != "add":
        out.print(f"  {done.removed:>9,} {would}taken out of “{audience.name}”", markup=False)
    out.print(f"  {done.same:>9,} {'were not in it' if done.action == 'remove' else 'were in it already'}")
    if done.doubled:
        out.print(f"  {done.doubled:>9,} named once more")
    for count, said in (
        (done.unknown, "unknown" + (" (kept)" if audience.kind == "external" else "")),
        (done.ambiguous, "ambiguous: several customers have the address"),
        (done.bad, "bad"),
    ):
        if count:
            out.print(f"  [yellow]{count:>9,} {said}[/yellow]")
    for place in done.places[:20]:
        where = f"row {place.row}" + (f", {done.column}" if done.column else "")
        house.err.print(f"    {escape(f'{where}: “{place.value}”: {place.reason}')}")
    left = done.unknown + done.ambiguous + done.bad - len(done.places[:20])
    if left > 0:
        house.err.print(f"    … and {left:,} more (--json tells the first 1,000)")
    if done.problem:
        house.err.print(f"[yellow]unknown keys could not be told: {escape(done.problem)}[/yellow]")
