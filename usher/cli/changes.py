"""`usher audiences changes`: who came into an audience and went out of it, when, and because of what."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from usher.cli import house
from usher.cli.audiences import Name, audience_named, in_words
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.audiences.history import Change, Turn, Turns

#: The smallest step between two moments.
_STEP = timedelta(microseconds=1)


def changes(
    name: Name,
    start: Annotated[
        str | None, typer.Option("--from", help="A moment or a day, included; default the last evaluation.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="A moment or a day, included; default the last evaluation.")
    ] = None,
    gained: Annotated[bool, typer.Option("--gained", help="Only who came.")] = False,
    lost: Annotated[bool, typer.Option("--lost", help="Only who went.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: JSON = False,
) -> None:
    """Who was gained and lost between two days, when and why, and which part of the rule turned."""
    house.open_house()
    from usher.audiences import history

    change: Change | None = None if gained == lost else "gained" if gained else "lost"
    with in_words():
        audience = audience_named(name)
        since, until = _span(start, end)
        found = history.between(audience, since - _STEP, until, change=change, limit=limit or 2**31)
    if as_json:
        house.as_json({"from": since, "to": until, "total": found.total, "changes": _told(found.turns)})
    elif as_csv:
        _write(found.turns)
    else:
        _print(found)


def _span(start: str | None, end: str | None) -> tuple[datetime, datetime]:
    """From the first moment to the last; a day means all of it."""
    from usher.audiences.published import last_done
    from usher.lib import clock

    last = last_done()
    latest = max(last.now, clock.now()) if last else clock.now()
    since = house.moment(start) if start else last.now if last else latest
    until = house.moment(end) if end else latest
    if start and _is_day(start):
        since = since.replace(hour=0)
    if end and _is_day(end):
        until = until.replace(hour=0) + timedelta(days=1) - _STEP
    if until < since:
        house.fail(f"--to {end} is before {start or 'the last evaluation'}")
    return since, until


def _is_day(text: str) -> bool:
    return len(text) == 10


def _told(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(turn) for turn in turns]


def _write(turns: Sequence[Turn]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["key", "change", "cause", "as_of", "now_true", "now_false", "unknown"])
    for turn in turns:
        parts = ["; ".join(part.text for part in turn.parts if part.now is now) for now in (True, False)]
        at = turn.at.astimezone(house.zone()).isoformat()
        writer.writerow([turn.key, turn.change, turn.cause, at, *parts, turn.unknown])


def _print(found: Turns) -> None:
    for turn in found.turns:
        sign = "[green]+[/green]" if turn.change == "gained" else "[red]−[/red]"
        out.print(f"{sign} {escape(turn.key):<12} {house.when(turn.at)}  {turn.cause}")
        for part in turn.parts:
            mark = "[green]now[/green]" if part.now else "[red]no longer[/red]"
            out.print(f"    {mark}: {escape(part.text)}")
        if turn.unknown:
            out.print(f"    [dim]{escape(turn.unknown)}[/dim]")
    if not found.turns:
        out.print("Nobody came or went.")
        return
    if found.total > len(found.turns):
        house.err.print(f"… {found.total:,} in all (--limit 0 shows everybody)")
    house.say_zone()
