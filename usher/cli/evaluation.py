"""`usher audiences evaluate`: work everything out, and tell what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.audiences.models import Evaluation


def evaluate(
    as_of: Annotated[
        str | None, typer.Option(help="A moment, or a date (06:00 of that day); default now.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Look at everybody; the result is the same, later.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Work out every audience and computed field as of a moment, and publish them."""
    house.open_house()
    from usher.audiences.evaluate import evaluate as evaluate_all
    from usher.audiences.models import Evaluation
    from usher.definitions.expiry import settle

    moment = house.moment(as_of)
    settle(moment)
    run = evaluate_all(moment, full=full)
    told = _told(run)
    if as_json:
        house.as_json(told)
    else:
        _print(run, told)
    if run.state != Evaluation.State.DONE:
        raise typer.Exit(1)


def _told(run: Evaluation) -> dict[str, Any]:
    """What a program is told of a run. `looked_at` is empty when everybody was."""
    from usher.audiences.evaluate import overtaken

    later = overtaken(run)
    return {
        "as_of": run.now,
        "state": run.state,
        "error": run.error,
        "data_as_of": run.data_as_of,
        "seconds": run.seconds,
        "full": not run.incremental,
        "full_because": run.full_because,
        "looked_at": run.affected,
        "replaces_later": later.now if later else None,
        "audiences": _sizes(run),
        "failed": _failed(run),
    }


def _sizes(run: Evaluation) -> list[dict[str, Any]]:
    rows = run.snapshots.exclude(audience=None).order_by("audience__kind", "audience__name")
    figures = rows.values("audience__name", "audience__kind", "size", "gained", "lost", "seconds", "error")
    return [
        {"name": row["audience__name"], "kind": row["audience__kind"], "stale": bool(row["error"])}
        | {name: row[name] for name in ("size", "gained", "lost", "seconds")}
        for row in figures
    ]


def _failed(run: Evaluation) -> list[dict[str, Any]]:
    """What could not be evaluated: why, and the moment that its members or values are of."""
    rows = run.snapshots.exclude(error="").select_related("audience", "field").order_by("pk")
    return [
        {
            "name": thing.name,
            "kind": one.audience.kind if one.audience else "computed_field",
            "reason": one.error,
            "as_of": one.as_of,
        }
        for one in rows
        if (thing := one.audience or one.field)
    ]


def _print(run: Evaluation, told: dict[str, Any]) -> None:
    if run.state != run.State.DONE:
        house.err.print(f"[red]{run.state}:[/red] {escape(run.error)}")
        house.err.print("Nothing was published; the last good result stays.")
        return
    out.print(f"As of {house.when(run.now)} ({house.zone().key}) in {run.seconds or 0:.2f} s")
    if told["full"]:
        out.print(f"Everybody was looked at: {escape(run.full_because)}.")
    else:
        out.print(f"{run.affected:,} customers were looked at, for whom something can have changed.")
    for row in told["audiences"]:
        stale = "  [red]stale[/red]" if row["stale"] else ""
        figures = f"{row['size']:>9,}  +{row['gained']:,} −{row['lost']:,}"
        out.print(f"  {escape(row['name']):<20} {figures}{stale}")
    _warn(told)


def _warn(told: dict[str, Any]) -> None:
    """What is not as it should be, beside the result."""
    for one in told["failed"]:
        kept = f"it is still as of {house.when(one['as_of'])}" if one["as_of"] else "it never was evaluated"
        kind = one["kind"].replace("_", " ")
        house.err.print(f"[red]✗ {kind} “{escape(one['name'])}”:[/red] {escape(one['reason'])}; {kept}")
    if told["replaces_later"]:
        later = house.when(told["replaces_later"])
        before = f"what was published before (as of {later})"
        house.err.print(f"[yellow]This is older than {before}, and took its place.[/yellow]")
