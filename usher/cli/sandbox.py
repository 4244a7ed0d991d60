"""`usher sandbox`: faults in the API's answers, for those who try out an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.engage.sandbox import Faults

app = typer.Typer(
    help="Faults that the Dotdigital API answers with, to try out what an integration does then. "
    "Never in production.",
    no_args_is_help=True,
)


@app.command()
def show(as_json: JSON = False) -> None:
    """Which faults are set."""
    faults = _faults()
    if as_json:
        house.as_json(faults.model_dump(exclude={"begun"}) if faults else {})
    else:
        told = "\n".join(faults.told()) if faults else "No faults are set: the API answers as well as it can."
        out.print(told)


@app.command("set")
def put(
    errors: Annotated[float, typer.Option(help="Share of calls answered with 500, nothing done.")] = 0,
    lost_replies: Annotated[
        float, typer.Option(help="Share of calls that are done, and cut off before the answer.")
    ] = 0,
    delay: Annotated[str, typer.Option(help="How late answers are: 200ms, or 200-800ms.")] = "0ms",
    wrong_region: Annotated[
        bool, typer.Option("--wrong-region", help="The account lives at another address: see account-info.")
    ] = False,
    maintenance: Annotated[
        bool, typer.Option("--maintenance", help="Everything is answered with 503.")
    ] = False,
    rate_limited: Annotated[
        bool, typer.Option("--rate-limited", help="Every limited call is over its limit.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="The same faults for the same calls again.")] = None,
) -> None:
    """Set the faults, all of them anew, from the next call on: what is not said does not go wrong."""
    house.open_house()
    from pydantic import ValidationError

    from usher.engage import access, sandbox
    from usher.lib import clock

    if not sandbox.is_allowed():
        house.fail(
            "this is production, where nothing goes wrong on purpose. Set USHER_MODE=demo to try it out"
        )
    try:
        faults = sandbox.Faults(
            errors=errors,
            lost_replies=lost_replies,
            delay=_milliseconds(delay),
            wrong_region=wrong_region,
            maintenance=maintenance,
            rate_limited=rate_limited,
            seed=seed,
        )
    except ValidationError as problem:
        wrong = problem.errors()[0]
        where = "-".join(str(part) for part in wrong["loc"]).replace("_", "-") or "delay"
        house.fail(f"--{where}: {wrong['msg'].removeprefix('Value error, ')}")
    now = clock.now()
    sandbox.put(access.default_account(now), faults, now)
    out.print("\n".join(faults.told()))


@app.command()
def off() -> None:
    """Nothing goes wrong on purpose any more."""
    house.open_house()
    from usher.engage import access, sandbox
    from usher.lib import clock

    now = clock.now()
    sandbox.put(access.default_account(now), None, now)
    out.print("No faults are set.")


def _faults() -> Faults | None:
    house.open_house()
    from usher.engage import access, sandbox
    from usher.lib import clock

    return sandbox.faults_of(access.default_account(clock.now()))


def _milliseconds(said: str) -> tuple[int, int]:
    """`800ms` or `200-800ms`."""
    first, dash, last = said.lower().replace(" ", "").removesuffix("ms").partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not dash)):
        house.fail(f"--delay: {said!r} is no delay; write 800ms or 200-800ms")
    return int(first), int(last or first)
