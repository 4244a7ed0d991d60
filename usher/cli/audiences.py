"""`usher audiences`: evaluate, look at members, ask why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.audiences.models import Audience, Evaluation
    from usher.audiences.published import Night
    from usher.rules import Explanation

app = typer.Typer(help="Tags, auto tags and customer lists.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name of a tag or customer list.")]


def _audience(name: str) -> Audience:
    import difflib

    from usher.audiences.models import Audience

    found = Audience.objects.filter(name__iexact=name).order_by("-kind").first()
    if found is None:
        names = list(Audience.objects.values_list("name", flat=True))
        near = difflib.get_close_matches(name, names, 1)
        house.fail(
            f"there is no audience “{name}”"
            + (f"; did you mean “{near[0]}”?" if near else f" (of {len(names)})")
        )
    return found


@contextmanager
def _words() -> Iterator[None]:
    from usher.audiences.errors import AudienceError
    from usher.sources.errors import SourceError

    try:
        yield
    except (AudienceError, SourceError) as problem:
        house.fail(str(problem))


@app.command()
def evaluate(
    as_of: Annotated[
        str | None, typer.Option(help="A moment, or a date (06:00 of that day); default now.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Work out every audience and computed field as of a moment, and publish them."""
    house.open_house()
    from usher.audiences.evaluate import evaluate as evaluate_all
    from usher.audiences.models import Evaluation
    from usher.audiences.published import last_done

    moment = house.moment(as_of)
    last = last_done()
    if last and moment < last.now:
        published = f"what is published (as of {last.now:%Y-%m-%d %H:%M})"
        house.err.print(f"[yellow]This is older than {published} and takes its place.[/yellow]")
    run = evaluate_all(moment)
    if as_json:
        house.as_json(_evaluation_json(run))
    else:
        _print_evaluation(run)
    if run.state != Evaluation.State.DONE:
        raise typer.Exit(1)


def _evaluation_json(run: Evaluation) -> dict[str, Any]:
    rows = run.snapshots.exclude(audience=None).order_by("audience__kind", "audience__name")
    figures = rows.values("audience__name", "audience__kind", "size", "gained", "lost", "seconds")
    return {
        "as_of": run.now,
        "state": run.state,
        "error": run.error,
        "data_as_of": run.data_as_of,
        "seconds": run.seconds,
        "audiences": [
            {"name": row["audience__name"], "kind": row["audience__kind"]}
            | {name: row[name] for name in ("size", "gained", "lost", "seconds")}
            for row in figures
        ],
    }


def _print_evaluation(run: Evaluation) -> None:
    if run.error:
        house.err.print(f"[red]{run.state}:[/red] {run.error}")
        house.err.print("Nothing was published; the last good result stays.")
        return
    out.print(f"As of {run.now:%Y-%m-%d %H:%M} in {run.seconds or 0:.2f} s")
    for row in _evaluation_json(run)["audiences"]:
        out.print(f"  {row['name']:<20} {row['size']:>9,}  +{row['gained']:,} −{row['lost']:,}")


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="One audience (default: all of them).")] = None,
    as_json: JSON = False,
) -> None:
    """Each audience with its rule in English, its size and what it gained and lost."""
    house.open_house()
    from usher.audiences import english
    from usher.audiences.models import Audience

    chosen = [_audience(name)] if name else list(Audience.objects.select_related("group"))
    shown = [_shown(one, english.in_english(one)) for one in chosen]
    if as_json:
        house.as_json([asdict(one) for one in shown])
        return
    for one in shown:
        _print_shown(one, nights=14 if name else 0)


@dataclass(frozen=True)
class _Shown:
    name: str
    kind: str
    group: str | None
    rule: str
    english: str
    #: Oldest first: as_of, size, gained, lost.
    history: list[Night]


def _shown(audience: Audience, sentence: str) -> _Shown:
    from usher.audiences import published

    group = audience.group.name if audience.group else None
    history = published.history(audience)
    return _Shown(audience.name, audience.kind, group, audience.rule, sentence, history)


def _print_shown(one: _Shown, nights: int) -> None:
    last = one.history[-1] if one.history else None
    size = f"{last.size:,} (+{last.gained:,} −{last.lost:,})" if last else "not evaluated yet"
    out.print(f"[bold]{one.name}[/bold]  {one.kind.replace('_', ' ')}  {size}")
    out.print(f"    {one.english or 'Put on by hand.'}")
    for night in one.history[-nights:] if nights else []:
        out.print(f"    {night.now:%Y-%m-%d}  {night.size:>9,}  +{night.gained:,} −{night.lost:,}")


@app.command()
def members(
    name: Name,
    search: Annotated[str, typer.Option(help="A key, or part of an address.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all.")] = 50,
    as_json: JSON = False,
) -> None:
    """Who is in an audience."""
    house.open_house()
    from usher.audiences import published

    with _words():
        found = published.page(_audience(name), search, 0, limit or 2**31)
    if as_json:
        house.as_json({"total": found.total, "members": [member.__dict__ for member in found.members]})
        return
    for member in found.members:
        out.print(f"{member.key}\t{member.email or ''}", markup=False)
    if found.total > len(found.members):
        house.err.print(f"… {found.total:,} in all (--limit 0 shows everybody)")


@app.command()
def explain(
    name: Name,
    key: Annotated[str, typer.Argument(help="The customer's key or e-mail address.")],
    as_json: JSON = False,
) -> None:
    """Why a customer is in an audience, or is not, and what would change that."""
    house.open_house()
    from usher.audiences.english import key_of
    from usher.audiences.explain import explain_member
    from usher.lib import clock

    with _words():
        found = explain_member(_audience(name), key_of(key), clock.now())
    if as_json:
        house.as_json(_tree(found))
    else:
        _print_tree(found, 0)
        if found.to_flip:
            out.print(f"To change it: {found.to_flip}")


def _tree(found: Explanation) -> dict[str, Any]:
    change = found.change
    return {
        "text": found.text,
        "holds": found.holds,
        "value": found.value,
        "other": found.other,
        "rows": [{"table": row.table, "values": row.values, "source": row.source} for row in found.rows],
        "nested": found.nested,
        "to_flip": found.to_flip,
        "change": {"kind": type(change).__name__, **asdict(change)} if change else None,
        "children": [_tree(child) for child in found.children],
    }


def _print_tree(found: Explanation, depth: int) -> None:
    mark = "[green]✓[/green]" if found.holds else "[red]✗[/red]"
    values = " and ".join(escape(str(value)) for value in (found.value, found.other) if value is not None)
    out.print(f"{'  ' * depth}{mark} {escape(found.text)}" + (f"   [dim]{values}[/dim]" if values else ""))
    for row in found.rows:
        shown = ", ".join(f"{name} {value}" for name, value in row.values.items())
        out.print(f"{'  ' * depth}    {shown} ({row.source})", style="dim", markup=False)
    for child in found.children:
        _print_tree(child, depth + 1)
