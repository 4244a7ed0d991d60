"""`usher seeds`: did the mail arrive?"""

from __future__ import annotations

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

app = typer.Typer(help="Seed addresses that prove that the mail arrived.", no_args_is_help=True)


@app.callback()
def _seeds() -> None:
    pass


@app.command()
def report(as_json: JSON = False) -> None:
    """What was expected, what arrived, and the incidents."""
    house.open_house()
    from usher.lib import clock
    from usher.seeds.report import report as make_report

    found = make_report(clock.now())
    if as_json:
        house.as_json(found)
        return
    verdicts = ("on_time", "late", "early", "duplicate", "missing", "pending")
    told = ", ".join(f"{found[name]} {name.replace('_', ' ')}" for name in verdicts if found[name])
    placed = found["placements"]["placed"]
    out.print(f"{placed} seeds placed; of {found['expected']} mails expected: {told or 'none yet'}")
    for incident in found["incidents"]:
        colour = "green" if incident["state"] == "closed" else "red"
        out.print(
            f"[{colour}]{incident['state']}[/{colour}] “{incident['mail']}” for {incident['seed']}, "
            f"{incident['verdict']}, at the {incident['hop']}"
        )
        for change in incident["changes"]:
            out.print(f"    {change['at'][:16]}  {change['detail']}")
