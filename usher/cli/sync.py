"""`usher sync`: what a sync would do, doing it, and how it is."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.syncs.models import Run, Sync
    from usher.syncs.plan import Plan

app = typer.Typer(help="Take audiences to the platforms that mail them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The sync's name.")]


def _sync(name: str) -> Sync:
    from usher.syncs.models import Sync

    found = Sync.objects.filter(name__iexact=name).first()
    if found is None:
        names = ", ".join(Sync.objects.values_list("name", flat=True)) or "none is defined"
        house.fail(f"there is no sync “{name}” (there are: {names})")
    return found


@contextmanager
def _outside() -> Iterator[None]:
    """Turn what goes wrong outside into words and an exit code."""
    from usher.audiences.errors import AudienceError
    from usher.lib.http import OutsideError
    from usher.syncs.run import SyncError

    try:
        yield
    except (AudienceError, OutsideError, SyncError) as problem:
        house.fail(str(problem))


@app.command()
def plan(name: Name, as_json: JSON = False) -> None:
    """Show what would be added, updated and removed, and the calls it takes. Nothing is sent."""
    house.open_house()
    from usher.syncs.run import preview

    with _outside():
        made = preview(_sync(name))
    if as_json:
        house.as_json(_plan_json(made))
    else:
        _print_plan(name, made)


def _plan_json(made: Plan) -> dict[str, Any]:
    return {
        "list": made.list_name,
        "create_list": made.create_list,
        "create_fields": dict(made.create_fields),
        "counts": made.counts.as_dict(),
        "calls": dict(made.calls),
        "problems": made.problems,
        "upserts": made.upserts.select(["key", "email", "action", "changed", "fields"]).to_pylist(),
        "removals": made.removals.select(["key", "email"]).to_pylist(),
        "refusals": made.refusals.select(["key", "email", "reason"]).to_pylist(),
    }


def _print_plan(name: str, made: Plan) -> None:
    counts = made.counts
    out.print(f"[bold]{name}[/bold] → list “{made.list_name}”{' (to be made)' if made.create_list else ''}")
    for field, kind in made.create_fields.items():
        out.print(f"  make the {kind} field {field}")
    out.print(
        f"  read {counts.read:,} = add {counts.added:,} + update {counts.updated:,} "
        f"+ unchanged {counts.unchanged:,} + refused {counts.refused:,}; remove {counts.removed:,}"
    )
    calls = ", ".join(f"{count} {kind}" for kind, count in made.calls.items() if count) or "none"
    out.print(f"  calls: {calls}")
    for row in made.upserts.slice(0, 5).to_pylist():
        changed = f" ({row['changed']})" if row["action"] == "update" else ""
        out.print(f"    {row['action']:<6} {row['email']}{changed}")
    for row in made.removals.slice(0, 5).to_pylist():
        out.print(f"    remove {row['email']}")
    more = made.upserts.num_rows + made.removals.num_rows - 10
    if more > 0:
        out.print(f"    … and {more:,} more (--json shows all)")
    for problem in made.problems:
        out.print(f"  [red]✗[/red] {problem}")


@app.command()
def apply(
    name: Name,
    approve: Annotated[str | None, typer.Option(help="Let the held plan go ahead, once; say why.")] = None,
    as_json: JSON = False,
) -> None:
    """Plan, guard and apply now. A run that was cut off is gone on with."""
    house.open_house()
    from usher.lib import clock
    from usher.syncs import run as syncs
    from usher.syncs.models import Run

    sync, now = _sync(name), clock.now()
    with _outside():
        if approve:
            held = sync.runs.filter(state=Run.State.HELD).first()
            if held is None:
                house.fail(f"no plan of “{sync.name}” is held")
            done = syncs.resume(syncs.approve(held, by=getpass.getuser(), because=approve, now=now), now)
        else:
            done = syncs.run(sync, now)
    if as_json:
        house.as_json(_run_json(done))
    else:
        _print_run(done)
        house.say_zone()
    if done.state != Run.State.DONE:
        raise typer.Exit(1)


def _run_json(run: Run) -> dict[str, Any]:
    figures = ("read", "added", "updated", "unchanged", "refused", "removed")
    return {
        "id": run.pk,
        "sync": run.sync.name,
        "state": run.state,
        "as_of": run.now,
        **{name: getattr(run, name) for name in figures},
        "calls": run.calls_made,
        "calls_foreseen": run.calls_foreseen,
        "error": run.error,
        "seconds": run.took.total_seconds() if run.took else None,
    }


def _print_run(run: Run) -> None:
    took = f" in {run.took.total_seconds():.1f} s" if run.took else ""
    out.print(f"[bold]{run.sync.name}[/bold] as of {house.when(run.now)}: {run.state}{took}")
    out.print(
        f"  read {run.read:,} = added {run.added:,} + updated {run.updated:,} + unchanged {run.unchanged:,} "
        f"+ refused {run.refused:,}; removed {run.removed:,}; {run.calls} calls"
    )
    if run.error:
        out.print(f"  [red]{run.error}[/red]")
    if run.state == run.State.HELD:
        out.print(f'  To let it go ahead once: usher sync apply "{run.sync.name}" --approve "why"')


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="The sync's name (default: all).")] = None,
    as_json: JSON = False,
) -> None:
    """The last run, who is on the list, who was refused and why, and when it runs next."""
    house.open_house()
    from usher.lib import clock
    from usher.syncs.models import Sync
    from usher.syncs.status import status as status_of

    found = [status_of(one, clock.now()) for one in ([_sync(name)] if name else Sync.objects.all())]
    if as_json:
        house.as_json(
            [
                {
                    "sync": one.sync.name,
                    "last": _run_json(one.last) if one.last else None,
                    "last_done": one.last_done.now if one.last_done else None,
                    "members": one.members,
                    "refused": one.refused,
                    "next_at": one.next_at,
                }
                for one in found
            ]
        )
        return
    for one in found:
        if one.last:
            _print_run(one.last)
        else:
            out.print(f"[bold]{one.sync.name}[/bold]: it has not run yet")
        out.print(f"  {one.members:,} were put on the list “{one.sync.list_name}”")
        for reason, people in one.refused.items():
            out.print(f"  {people:,} refused: {reason}")
        if one.next_at:
            out.print(f"  next {house.when(one.next_at)}")
    if found:
        house.say_zone()
