"""`usher demo`: a real shop's history, replayed night by night through the real programs."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usher.cli import house
from usher.cli.house import err, out

if TYPE_CHECKING:
    from usher.demo.night import Night
    from usher.demo.stage import Stage
    from usher.work.machine import Machine

#: Heading and width of each column of a night's line.
COLUMNS = {
    "as of": 10,
    "members": 8,
    "+tag": 7,
    "−tag": 6,
    "added": 7,
    "updated": 8,
    "removed": 8,
    "calls": 6,
    "enrolled": 9,
    "mailed": 7,
    "came back": 10,
    "exited": 7,
}


def demo(
    nights: Annotated[int, typer.Option(min=1, max=540, help="How many nights to replay.")] = 60,
    start: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The first night.")] = "1998-01-01",
    file: Annotated[Path | None, typer.Option("--json", help="Write the same figures as JSON.")] = None,
    port: Annotated[int | None, typer.Option(help="Where the pages answer meanwhile (default 8000).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where it is kept (default ./var).")
    ] = None,
) -> None:
    """Replay a music shop's history: customers lapse, are tagged, synced, mailed, and come back."""
    if data_dir:
        os.environ["USHER_DATA_DIR"] = str(data_dir.expanduser().resolve())
    from usher.demo.stage import DemoError, Stage
    from usher.lib.postgres import DatabaseStartError
    from usher.work.machine import Machine, MachineError, free_port, hold, port_is_free

    if file and not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        house.fail(f"--json {file}: the folder {file.parent} is not there or cannot be written")
    if os.environ.pop("DATABASE_URL", None):
        err.print("The demo plays on an embedded database of its own; DATABASE_URL is not touched.")
    if port and not port_is_free(port):
        house.fail(f"port {port} is taken; choose another with --port")
    try:
        first = date.fromisoformat(start)
    except ValueError:
        house.fail(f"--start {start!r} is not a date; write 1998-01-01")
    stage = Stage(house.data_dir(), port or free_port(8000), free_port(2525), first)
    try:
        with hold(stage.data_dir):
            password = _open(stage)
            out.print(f"The stage is set in {stage.data_dir}; the clock stands at {first:%-d %B %Y}.")
            if stage.port != 8000 and not port:
                out.print(f"Port 8000 is taken: the pages answer at http://localhost:{stage.port}")
            with Machine(stage.port, stage.sink_port) as machine:
                played = _play(stage, machine, nights)
                _tell(stage, played, password, file)
    except (DemoError, MachineError, DatabaseStartError) as problem:
        house.fail(str(problem))
    except KeyboardInterrupt:
        house.fail("stopped; another usher demo starts clean", 130)


def _open(stage: Stage) -> str:
    """Clear and furnish the stage, and wake Django on it; the password of the user "demo"."""
    from usher.demo.customers import gone_addresses
    from usher.demo.stage import behaviour, clear, furnish, refuse_to_clear
    from usher.lib import clock

    if house.remembered().get("USHER_MODE") != "demo":
        refuse_to_clear(stage.data_dir)
    environment = stage.environment()
    house.remember(environment)
    os.environ["DATABASE_URL"] = os.environ["USHER_EMBEDDED"] = clear(stage.data_dir)
    os.environ.update(environment)
    clock.move(stage.clock_file, stage.opening())
    (stage.data_dir / "mail").mkdir()
    (stage.data_dir / "mail" / "behaviour.json").write_text(behaviour(stage, gone_addresses()), "utf-8")
    house.open_house(migrated=False)
    furnish(stage, environment["USHER_DEMO_PASSWORD"], stage.api_environment())
    return environment["USHER_DEMO_PASSWORD"]


def _play(stage: Stage, machine: Machine, nights: int) -> list[Night]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    from usher.demo.customers import Customers, order_days
    from usher.demo.play import Play
    from usher.demo.stage import example
    from usher.lib.spool import Spool

    customers = Customers(Spool(stage.data_dir / "mail"), order_days(example() / "orders.csv"), stage.zone)
    play = Play(stage, machine, customers)
    played = []
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task("nights", total=nights)
        play.on_moment = lambda moment: progress.update(bar, description=house.when(moment))
        out.print(_headings(), style="bold")
        for night in play.nights(nights):
            played.append(night)
            out.print(line(night))
            progress.advance(bar)
    return played


def line(night: Night) -> str:
    """One night in one line, under the headings."""
    seeds = night.seeds
    arrived = seeds.get("on_time", 0) + seeds.get("late", 0)
    told = f"{arrived}/{seeds['expected']}" if seeds["expected"] else "·"
    if seeds["incidents_open"]:
        told += f" [red]{seeds['incidents_open']} incidents open[/red]"
    figures = (
        night.members,
        night.tagged,
        night.untagged,
        night.added,
        night.updated,
        night.removed,
        night.calls,
        night.enrolled,
        night.mailed,
        night.came_back,
        sum(night.exited.values()),
    )
    widths = list(COLUMNS.values())[1:]
    cells = (f"{figure:>{width},}" for figure, width in zip(figures, widths, strict=True))
    return f"{night.as_of:%Y-%m-%d}{''.join(cells)}  {told}"


def _headings() -> str:
    first, *others = COLUMNS.items()
    return f"{first[0]:<{first[1]}}{''.join(f'{name:>{width}}' for name, width in others)}  seeds"


def _tell(stage: Stage, played: list[Night], password: str, file: Path | None) -> None:
    """The totals, whether they add up, the incidents, and where to look."""
    from usher.demo import night

    figures = night.as_json(played)
    totals = figures["totals"]
    out.print()
    for name, value in totals.items():
        if name not in ("adds_up", "nights"):
            out.print(f"  {name.replace('_', ' '):<14} {_words(value)}")
    for sentence, holds in totals["adds_up"].items():
        out.print(f"  {'[green]✓[/green]' if holds else '[red]✗[/red]'} {sentence}")
    for incident in figures["incidents"]:
        closed = f" {house.when(incident['closed_at'])}" if incident["closed_at"] else ""
        out.print(
            f"  incident: “{incident['mail']}” for {incident['seed']}, opened "
            f"{house.when(incident['opened_at'])} at the {incident['hop']}; "
            f"{incident['verdict']}, {incident['state']}{closed}"
        )
    if figures["incidents"]:
        house.say_zone()
    if file:
        from django.core.serializers.json import DjangoJSONEncoder

        file.write_text(json.dumps(figures, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False), "utf-8")
        out.print(f"  written to {file}")
    out.print()
    out.print(f"Look at it: [bold]make up[/bold] (or usher up), then http://localhost:{stage.port}")
    out.print(f"Log in as [bold]demo[/bold] with the password [bold]{password}[/bold]")


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
