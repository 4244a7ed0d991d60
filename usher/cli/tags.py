"""`usher tags`: put tags on by hand, take them off, and look at them and their groups."""

from __future__ import annotations

from typing import Annotated

import typer

from usher.cli import filling, house
from usher.cli.audiences import audience_named, in_words
from usher.cli.definitions import JSON
from usher.cli.filling import Column, Csv, DryRun, From, Keys, Match
from usher.cli.house import out

app = typer.Typer(help="Tags that are put on by hand, and tag groups.", no_args_is_help=True)
Tag = Annotated[str, typer.Argument(help="The tag's name.")]


@app.command()
def add(
    name: Tag,
    keys: Keys = None,
    from_audience: From = None,
    csv: Csv = None,
    column: Column = "",
    match: Match = "",
    dry_run: DryRun = False,
    as_json: JSON = False,
) -> None:
    """Put a tag on customers: some, every member of an audience, or those in a file."""
    house.open_house()
    tag = audience_named(name, ("tag", "auto_tag"))
    filling.fill(tag, "add", keys, from_audience, csv, column, match, dry_run, as_json)


@app.command()
def remove(
    name: Tag,
    keys: Keys = None,
    from_audience: From = None,
    csv: Csv = None,
    column: Column = "",
    match: Match = "",
    dry_run: DryRun = False,
    as_json: JSON = False,
) -> None:
    """Take a tag off customers: some, every member of an audience, or those in a file."""
    house.open_house()
    tag = audience_named(name, ("tag", "auto_tag"))
    filling.fill(tag, "remove", keys, from_audience, csv, column, match, dry_run, as_json)


@app.command("list")
def list_tags(as_json: JSON = False) -> None:
    """Every tag with its group, and how many customers it was put on or as last published has."""
    house.open_house()
    from usher.audiences.models import Audience
    from usher.definitions.overview import overview
    from usher.lib import clock

    tags = Audience.objects.filter(kind__in=("tag", "auto_tag")).select_related("group").order_by("name")
    rows = [
        {
            "name": seen.audience.name,
            "kind": seen.audience.kind,
            "group": seen.audience.group.name if seen.audience.group else None,
            "size": seen.size,
            "evaluated": seen.evaluated,
            "synced": seen.synced,
        }
        for seen in overview(tags, clock.now())
    ]
    if as_json:
        house.as_json(rows)
        return
    for row in rows:
        size = "—" if row["size"] is None else f"{row['size']:,}"
        kind = "auto tag" if row["kind"] == "auto_tag" else "tag"
        out.print(f"{row['name']:<24} {kind:<9} {size:>9}  {row['group'] or ''}", markup=False)


@app.command()
def groups(
    delete: Annotated[str | None, typer.Option(help="Delete this group, which must be empty.")] = None,
    as_json: JSON = False,
) -> None:
    """Every tag group with its tags."""
    house.open_house()
    from usher.audiences.models import TagGroup
    from usher.definitions.remove import remove_group

    if delete is not None:
        group = TagGroup.objects.filter(name__iexact=delete).first()
        if group is None:
            house.fail(f"there is no tag group “{delete}”")
        with in_words():
            remove_group(group)
        out.print(f"Deleted the tag group “{group.name}”.", markup=False)
        return
    rows = [
        {"name": one.name, "description": one.description, "tags": [tag.name for tag in one.tags.all()]}
        for one in TagGroup.objects.prefetch_related("tags")
    ]
    if as_json:
        house.as_json(rows)
        return
    for row in rows:
        out.print(f"{row['name']:<24} {', '.join(row['tags']) or 'no tag'}", markup=False)
