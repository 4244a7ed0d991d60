"""`usher spotler-key`: who may call the engine by Spotler's API."""

from __future__ import annotations

from typing import Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

app = typer.Typer(
    help="Keys and secrets that sign the calls of Spotler's audiences API.", no_args_is_help=True
)

KEY = Annotated[str, typer.Argument(help="The consumer key.")]


@app.command()
def create(
    key: Annotated[str | None, typer.Option(help="The consumer key (default: a new one).")] = None,
    secret: Annotated[str | None, typer.Option(help="The consumer secret (default: a new one).")] = None,
    as_json: JSON = False,
) -> None:
    """Make a key and print its secret, this once."""
    house.open_house()
    from usher.engage import access, spotler_keys
    from usher.lib import clock

    now = clock.now()
    try:
        made, its_secret = spotler_keys.create_key(access.default_account(now), now, key, secret)
    except access.AccessError as problem:
        house.fail(str(problem))
    if as_json:
        house.as_json({"key": made, "secret": its_secret})
    else:
        out.print(f"key     {made}\nsecret  {its_secret}", markup=False)


@app.command("list")
def list_keys(as_json: JSON = False) -> None:
    """The keys, and which of them are let in."""
    house.open_house()
    from usher.engage.models import SpotlerKey

    rows = list(SpotlerKey.objects.order_by("key").values("key", "enabled", "created_at"))
    if as_json:
        house.as_json(rows)
    for row in [] if as_json else rows:
        state = "enabled" if row["enabled"] else "disabled"
        out.print(f"{row['key']}  {state}  {row['created_at']:%Y-%m-%d}", markup=False)


@app.command()
def disable(key: KEY) -> None:
    """Keep out the calls that this key signs, from the next on."""
    _switch(key, False)


@app.command()
def enable(key: KEY) -> None:
    """Let the calls that this key signs in again."""
    _switch(key, True)


def _switch(key: str, enabled: bool) -> None:
    house.open_house()
    from usher.engage import access, spotler_keys

    try:
        spotler_keys.set_enabled(key, enabled)
    except access.AccessError as problem:
        house.fail(str(problem))
