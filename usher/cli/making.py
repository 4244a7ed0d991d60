"""`usher tags create`, `create-group` and `usher audiences create`: make what people or systems fill."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer
from rich.markup import escape

from usher.cli import house
from usher.cli.audiences import in_words
from usher.cli.house import err, out

SECTIONS = {"tag": "tags", "static_list": "static_lists", "external": "external_audiences"}
NewName = Annotated[str, typer.Argument(help="The name of what is made.")]
Description = Annotated[str, typer.Option(help="What it is for.")]
Owner = Annotated[str, typer.Option(help="Who answers for it.")]
Placed = Annotated[str, typer.Option("--folder", help="Marketing/Opera; empty for the top.")]


def create(
    name: NewName,
    group: Annotated[str | None, typer.Option(help="The tag group that it is in.")] = None,
    description: Description = "",
    owner: Owner = "",
    folder: Placed = "",
) -> None:
    """Make a tag that is put on by hand."""
    _make("tag", name, {"group": group, "description": description, "owner": owner, "folder": folder})


def create_group(name: NewName, description: Description = "") -> None:
    """Make a tag group."""
    house.open_house()
    from usher.definitions import groups

    with in_words():
        made = groups.make(name, description)
    out.print(f"Made the tag group “{made.name}”.", markup=False)


def create_audience(
    name: NewName,
    kind: Annotated[str, typer.Option(help="static_list or external.")] = "static_list",
    description: Description = "",
    owner: Owner = "",
    folder: Placed = "",
) -> None:
    """Make a list that is put together by hand, or an audience that another system fills."""
    if kind not in ("static_list", "external"):
        house.fail(f"--kind is static_list or external, not {kind}; what has a rule is made by usher apply")
    _make(kind, name, {"description": description, "owner": owner, "folder": folder})


def _make(kind: str, name: str, given: dict[str, Any]) -> None:
    house.open_house()
    from usher.audiences.naming import demand_free_name
    from usher.definitions import hints
    from usher.definitions.apply import apply_one
    from usher.definitions.sections import room_of
    from usher.lib import clock

    section = SECTIONS[kind]
    body = room_of()[section].SECTIONS[section].model_validate(given)
    with in_words():
        demand_free_name(kind, name)
        change = apply_one(section, name, body, by=getpass.getuser(), now=clock.now())
    out.print(f"Made the {change.kind} “{name}”.", markup=False)
    for hint in hints.of_change(change):
        err.print(f"[yellow]{escape(hint)}[/yellow]")
