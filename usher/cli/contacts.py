"""`usher contacts`: one person of the engine, and everything that happened to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from usher.cli import house
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.engage.programs.figures import Happening

app = typer.Typer(help="The people of Usher's own engine.", no_args_is_help=True)


@app.callback()
def _contacts() -> None:
    pass


def _tags(email: str) -> list[Happening]:
    """The tags and lists that the customer behind the address gained and lost; none for a stranger."""
    from usher.audiences.english import key_of
    from usher.audiences.errors import AudienceError
    from usher.audiences.timeline import changes_of
    from usher.engage.programs.figures import Happening
    from usher.sources.errors import SourceError

    try:
        steps = changes_of(key_of(email))
    except (AudienceError, SourceError):
        return []
    return [
        Happening(
            step.at, step.change, f"{step.change} {step.kind.replace('_', ' ')} {step.name} ({step.cause})"
        )
        for step in steps
    ]


@app.command()
def show(
    email: Annotated[str, typer.Argument(help="The e-mail address.")],
    as_json: JSON = False,
) -> None:
    """A contact's status, fields and lists, and its timeline with the reason of each step."""
    house.open_house()
    from dataclasses import asdict

    from usher.engage.models import Contact
    from usher.engage.programs.figures import timeline

    contact = Contact.objects.filter(email_key=email.strip().lower()).first()
    if contact is None:
        house.fail(f"the engine knows no contact {email}")
    lists = list(contact.memberships.order_by("list__name").values_list("list__name", flat=True))
    events = sorted([*timeline(contact), *_tags(contact.email)], key=lambda event: event.at)
    if as_json:
        house.as_json(
            {
                "id": contact.pk,
                "email": contact.email,
                "status": contact.status,
                "status_at": contact.status_at,
                "is_seed": contact.is_seed,
                "data": contact.data,
                "lists": lists,
                "timeline": [asdict(event) for event in events],
            }
        )
        return
    out.print(f"[bold]{contact.email}[/bold]  {contact.status} since {house.when(contact.status_at)}")
    if contact.is_seed:
        out.print("  a seed: never counted as a customer")
    for name, value in sorted(contact.data.items()):
        out.print(f"  {name:<20} {value}")
    out.print(f"  on {', '.join(lists) or 'no list'}")
    for event in events:
        out.print(f"  {house.when(event.at)}  {event.what}")
    house.say_zone()
