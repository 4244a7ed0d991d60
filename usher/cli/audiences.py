"""`usher audiences`: look at what is published, at members, and ask why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.audiences.models import Audience
    from usher.audiences.published import Night
    from usher.definitions.overview import Seen
    from usher.rules import Explanation

app = typer.Typer(help="Tags, segments and lists of every kind.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name of a list, tag or segment.")]


def audience_named(name: str, kinds: Collection[str] = ()) -> Audience:
    """The list, tag or segment (the first of these) of this name, of these kinds; or the command ends."""
    import difflib

    from usher.audiences.models import Audience

    known = Audience.objects.select_related("group")
    known = known.filter(kind__in=kinds) if kinds else known
    found = list(known.filter(name__iexact=name))
    if not found:
        names = list(known.values_list("name", flat=True))
        near = difflib.get_close_matches(name, names, 1)
        noun = "tag" if set(kinds) and set(kinds) <= {"tag", "auto_tag"} else "audience"
        other = Audience.objects.filter(name__iexact=name).first()
        if other:
            house.fail(f"“{other.name}” is no {noun} but of the kind {other.get_kind_display()}")
        house.fail(
            f"there is no {noun} “{name}”"
            + (f"; did you mean “{near[0]}”?" if near else f" (of {len(names)})")
        )
    return min(found, key=lambda one: ("audience", "tag", "segment").index(one.asked_as))


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what cannot be done as asked into words and an exit code."""
    from usher.audiences.errors import AudienceError
    from usher.lib.changes import DefinitionError
    from usher.sources.errors import SourceError

    try:
        yield
    except (AudienceError, DefinitionError, SourceError) as problem:
        house.fail(escape(str(problem)))


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="One audience (default: all of them).")] = None,
    search: Annotated[str, typer.Option(help="Text in the name, description or owner.")] = "",
    kind: Annotated[str, typer.Option(help="tag, auto_tag, segment, customer_list, static_list, …")] = "",
    folder: Annotated[str, typer.Option(help="In this folder, or below it.")] = "",
    as_json: JSON = False,
) -> None:
    """Each audience with its rule in English, its size, when it was last evaluated and last synced."""
    house.open_house()
    from usher.audiences.editing import demand_there, find
    from usher.definitions.overview import overview
    from usher.lib import clock

    with in_words():
        demand_there(kind, folder)
    chosen = [audience_named(name)] if name else list(find(search, kind=kind, folder=folder))
    shown = [_shown(seen) for seen in overview(chosen, clock.now())]
    if as_json:
        house.as_json([asdict(one) for one in shown])
        return
    for one in shown:
        _print_shown(one, nights=14 if name else 0)
    if any(one.evaluated or one.synced for one in shown):
        house.say_zone()


@dataclass(frozen=True)
class _Shown:
    name: str
    kind: str
    group: str | None
    folder: str
    owner: str
    description: str
    rule: str
    english: str
    size: int | None
    #: The moment that its members are of, and why the last evaluation left it so.
    evaluated: datetime | None
    error: str
    synced: datetime | None
    expires_on: date | None
    expired: bool
    #: What keeps it alive although its last day has come.
    kept_by: list[str]
    #: Oldest first: as_of, size, gained, lost.
    history: list[Night]


def _shown(seen: Seen) -> _Shown:
    from usher.audiences import english, published

    one = seen.audience
    return _Shown(
        name=one.name,
        kind=one.kind,
        group=one.group.name if one.group else None,
        folder=one.folder,
        owner=one.owner,
        description=one.description,
        rule=one.rule,
        english=english.in_english(one),
        size=seen.size,
        evaluated=seen.evaluated,
        error=seen.error,
        synced=seen.synced,
        expires_on=one.expires_on,
        expired=one.expired_at is not None,
        kept_by=[str(use) for use in seen.kept_by],
        history=published.history(one),
    )


#: What stands in the place of a rule.
_WITHOUT_RULE = {
    "tag": "Put on by hand.",
    "static_list": "Put together by hand.",
    "external": "Pushed in by another system.",
    "frozen_list": "Frozen.",
}


def _print_shown(one: _Shown, nights: int) -> None:
    last = one.history[-1] if one.history else None
    size = f"{last.size:,} (+{last.gained:,} −{last.lost:,})" if last else "not evaluated yet"
    place = f"  [dim]{escape(one.folder)}[/dim]" if one.folder else ""
    out.print(f"[bold]{escape(one.name)}[/bold]  {one.kind.replace('_', ' ')}  {size}{place}")
    out.print(f"    {escape(one.english) or _WITHOUT_RULE[one.kind]}")
    if one.evaluated or one.synced:
        synced = f", synced {house.when(one.synced)}" if one.synced else ""
        evaluated = f"as of {house.when(one.evaluated)}" if one.evaluated else "never evaluated"
        out.print(f"    [dim]{evaluated}{synced}[/dim]")
    if one.error:
        out.print(f"    [red]stale: {escape(one.error)}[/red]")
    if one.expired:
        out.print(f"    [dim]empty since its last day, {one.expires_on}[/dim]")
    if one.kept_by:
        kept = escape(", ".join(one.kept_by))
        out.print(f"    [yellow]its last day was {one.expires_on}; it lives on because of {kept}[/yellow]")
    _print_history(one.history[-nights:] if nights else [])


def _print_history(nights: Sequence[Night]) -> None:
    """A line for each, with the time only where a day has several."""
    local = [night.now.astimezone(house.zone()) for night in nights]
    days = [moment.date() for moment in local]
    shape = "%Y-%m-%d %H:%M" if len(set(days)) < len(days) else "%Y-%m-%d"
    for night, moment in zip(nights, local, strict=True):
        figures = f"{night.size:>9,}  +{night.gained:,} −{night.lost:,}"
        stale = "  [red]stale[/red]" if night.error else ""
        out.print(f"    {moment:{shape}}  {figures}{stale}")


@app.command()
def members(
    name: Name,
    search: Annotated[str, typer.Option(help="A key, or part of an address.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all.")] = 50,
    as_of: Annotated[
        str | None,
        typer.Option(help="By the last evaluation as of this moment, or date (06:00 of it); default: now."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Who is in an audience, or was."""
    house.open_house()
    from usher.audiences import published

    with in_words():
        run = published.evaluation_as_of(house.moment(as_of)) if as_of else published.last_done()
        found = published.page(audience_named(name), search, 0, limit or 2**31, run)
    if as_json:
        shown = [member.__dict__ for member in found.members]
        house.as_json({"as_of": run.now if run else None, "total": found.total, "members": shown})
        return
    for member in found.members:
        out.print(f"{member.key}\t{member.email or ''}", markup=False)
    if found.total > len(found.members):
        house.err.print(f"… {found.total:,} in all (--limit 0 shows everybody)")
    if run and as_of:
        house.err.print(f"[dim]As of {house.when(run.now)} ({house.zone().key}).[/dim]")


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

    with in_words():
        found = explain_member(audience_named(name), key_of(key), clock.now())
    print_explanation(found, as_json)


def print_explanation(found: Explanation, as_json: bool) -> None:
    """The whole tree, and what would change it."""
    if as_json:
        house.as_json(_tree(found))
        return
    _print_tree(found, 0)
    if found.to_flip:
        out.print(f"To change it: {escape(found.to_flip)}")


def _tree(found: Explanation) -> dict[str, Any]:
    change = found.change
    return {
        "text": found.text,
        "holds": found.holds,
        "value": found.value,
        "other": found.other,
        "missing": found.missing,
        "rows": [{"table": row.table, "values": row.values, "source": row.source} for row in found.rows],
        "nested": found.nested,
        "to_flip": found.to_flip,
        "change": {"kind": type(change).__name__, **asdict(change)} if change else None,
        "children": [_tree(child) for child in found.children],
    }


def _print_tree(found: Explanation, depth: int) -> None:
    mark = "[green]✓[/green]" if found.holds else "[red]✗[/red]"
    values = " and ".join(escape(_cell(value)) for value in (found.value, found.other) if value is not None)
    values = "no value" if found.missing and not values else values
    out.print(f"{'  ' * depth}{mark} {escape(found.text)}" + (f"   [dim]{values}[/dim]" if values else ""))
    for row in found.rows:
        shown = ", ".join(f"{name} {_cell(value)}" for name, value in row.values.items())
        out.print(f"{'  ' * depth}    {shown} ({row.source})", style="dim", markup=False)
    for child in found.children:
        _print_tree(child, depth + 1)


def _cell(value: object) -> str:
    """Times in the organisation's zone; what is missing as a dash."""
    if isinstance(value, datetime) and value.tzinfo:
        return house.when(value)
    return "–" if value is None else str(value)
