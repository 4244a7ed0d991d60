"""`usher programs`: what runs, who is where in it, pause and resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.engage.models import Program

app = typer.Typer(help="The automated programs of Usher's own engine.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The program's name.")]


def _program(name: str) -> Program:
    from usher.engage.models import Program

    found = Program.objects.filter(name__iexact=name).first()
    if found is None:
        house.fail(f"there is no program “{name}”. See: usher programs list")
    return found


@app.command("list")
def list_programs(as_json: JSON = False) -> None:
    """Every program, its state and how many are inside."""
    house.open_house()
    from django.db.models import Count, Q

    from usher.engage.models import Program

    people = Q(enrolments__contact__is_seed=False)
    inside = Count("enrolments", filter=people & Q(enrolments__left_at=None))
    rows = list(
        Program.objects.annotate(inside=inside, ever=Count("enrolments", filter=people))
        .order_by("name")
        .values("id", "name", "status", "inside", "ever")
    )
    if as_json:
        house.as_json(rows)
    for row in [] if as_json else rows:
        out.print(f"{row['name']}  {row['status']}  {row['inside']:,} inside, {row['ever']:,} ever")


@app.command()
def show(name: Name, as_json: JSON = False) -> None:
    """The steps of a program with the people at and through each."""
    house.open_house()
    from usher.engage.programs import figures

    found = figures.of_program(_program(name))
    if as_json:
        house.as_json(figures.as_dict(found))
    else:
        out.print(figures.as_text(found))


@app.command()
def pause(name: Name) -> None:
    """Stop enrolling and moving; everybody stays where they are."""
    house.open_house()
    from usher.engage.programs import enrol

    enrol.pause(_program(name))
    out.print(f"{name} is paused.")


@app.command()
def resume(name: Name) -> None:
    """Go on. Whoever became due meanwhile moves on at the next tick."""
    house.open_house()
    from usher.engage.programs import enrol

    enrol.resume(_program(name))
    out.print(f"{name} runs.")
