"""`usher demo`: a real shop's history, replayed night by night through the real programs."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from usher.cli import house
from usher.cli.house import err, out

if TYPE_CHECKING:
    from usher.demo.night import Night
    from usher.demo.stage import Stage
    from usher.work.machine import Machine

HEADINGS = "as of       members    +tag   −tag   added updated removed calls enrolled  mailed came back  exited  seeds"


def demo(
    nights: Annotated[int, typer.Option(min=1, max=540, help="How many nights to replay.")] = 60,
    start: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first night.")] = datetime(
        1998, 1, 1
    ),
    file: Annotated[Path | None, typer.Option("--json", help="Write the same figures as JSON.")] = None,
    port: Annotated[int | None, typer.Option(help="Where the pages answer meanwhile (default 8000).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where it is kept (default ./var).")
    ] = None,
) -> None:
    """Replay a music shop's history: customers lapse, are tagged, synced, mailed, and come back."""
    if data_dir:
        os.environ["USHER_DATA_DIR"] = str(data_dir.expanduser().resolve())
    from usher.demo.play import DemoError
    from usher.demo.stage import Stage, StageError
    from usher.work.machine import Machine, MachineError, free_port, hold, port_is_free

    if port and not port_is_free(port):
        house.fail(f"port {port} is taken; choose another with --port")
    stage = Stage(house.data_dir(), port or free_port(8000), free_port(2525), start.date())
    try:
        with hold(stage.data_dir):
            password = _open(stage)
            out.print(f"The stage is set in {stage.data_dir}; the clock stands at {start:%d %B %Y}.")
            with Machine(stage.port, stage.sink_port) as machine:
                played = _play(stage, machine, nights)
                _tell(stage, played, password, file)
    except (DemoError, MachineError, StageError) as problem:
        house.fail(str(problem))


def _open(stage: Stage) -> str:
    """Clear and furnish the stage, and wake Django on it; the password of the user "demo"."""
    from usher.demo.customers import gone_addresses
    from usher.demo.play import behaviour
    from usher.demo.stage import clear, furnish
    from usher.lib import clock

    is_demo = house.remembered().get("USHER_MODE") == "demo"
    os.environ["DATABASE_URL"] = clear(stage.data_dir, is_demo=is_demo)
    environment = stage.environment()
    os.environ.update(environment)
    clock.move(stage.clock_file, stage.opening())
    (stage.data_dir / "mail").mkdir()
    (stage.data_dir / "mail" / "behaviour.json").write_text(behaviour(stage, gone_addresses()), "utf-8")
    house.remember(environment)
    house.open_house(migrated=False)
    furnish(stage, environment["USHER_DEMO_PASSWORD"], stage.api_environment())
    return environment["USHER_DEMO_PASSWORD"]


def _play(stage: Stage, machine: Machine, nights: int) -> list[Night]:
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
        play.on_moment = lambda moment: progress.update(bar, description=f"{moment:%Y-%m-%d %H:%M}")
        out.print(HEADINGS, style="bold")
        for night in play.nights(nights):
            played.append(night)
            out.print(line(night))
            progress.advance(bar)
    return played


def line(night: Night) -> str:
    """One night in one line, under HEADINGS."""
    seeds = night.seeds
    arrived = seeds.get("on_time", 0) + seeds.get("late", 0)
    told = f"{arrived}/{seeds['expected']}" if seeds["expected"] else "·"
    if seeds["incidents_open"]:
        told += f" [red]{seeds['incidents_open']} incidents open[/red]"
    return (
        f"{night.as_of:%Y-%m-%d}  {night.members:>7,} {night.tagged:>7,} {night.untagged:>6,} {night.added:>7,} "
        f"{night.updated:>7,} {night.removed:>7,} {night.calls:>5} {night.enrolled:>8,} {night.mailed:>7,} "
        f"{night.came_back:>9,} {sum(night.exited.values()):>7,}  {told}"
    )


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
        out.print(
            f"  incident: “{incident['mail']}” for {incident['seed']}, opened {incident['opened_at']:%Y-%m-%d %H:%M} "
            f"at the {incident['hop']}, {incident['state']}"
            + (f" {incident['closed_at']:%Y-%m-%d %H:%M}" if incident["closed_at"] else "")
        )
    if file:
        from django.core.serializers.json import DjangoJSONEncoder

        file.write_text(json.dumps(figures, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False), "utf-8")
        out.print(f"  written to {file}")
    out.print()
    out.print("Look at it: [bold]make up[/bold] (or usher up), then http://localhost:%d" % stage.port)
    out.print(f"Log in as [bold]demo[/bold] with the password [bold]{password}[/bold]")


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
